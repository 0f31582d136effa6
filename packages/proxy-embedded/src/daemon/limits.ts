/** Of requests and answers, in bytes: more than upstreams usually take, so that theirs is the limit that users meet. */
export const maxHeaderSize = 64 * 1024
