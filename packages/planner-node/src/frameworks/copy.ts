/** Takes pairs of paths: from, to. What is there already stays. */
const program =
  "const{cpSync}=require('fs');for(let a=process.argv.slice(1);a.length>1;a=a.slice(2))cpSync(a[0],a[1],{recursive:true,force:false})"

/** A command that copies files or directories, in pairs of from and to, below the working directory. */
export const copied = (...pairs: string[]): string[] => ['node', '-e', program, ...pairs]
