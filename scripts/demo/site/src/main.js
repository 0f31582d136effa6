import './style.css'

const horses = [
  { name: 'Domino', pattern: 'leopard' },
  { name: 'Freckles', pattern: 'snowcap' },
  { name: 'Marble', pattern: 'blanket' },
]

document.querySelector('#app').innerHTML = `
  <h1>Paddock</h1>
  <ul>${horses.map(({ name, pattern }) => `<li>${name}, ${pattern}</li>`).join('')}</ul>
`
