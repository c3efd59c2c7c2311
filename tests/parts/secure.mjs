// A server over TLS, or in clear, that tells what it sees: `secure.mjs HOST OPTIONS`.
//
// OPTIONS is JSON: `key` and `cert` are files (without them it speaks in clear), `clientCa` the file of
// whom clients must have their certificates from, `protocol` is "http1", "http2", or "both" by ALPN.
// It prints its port, then a line for each handshake and each request, and stops when its standard
// input closes.
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import { WebSocketServer } from 'ws';

const [host, options] = process.argv.slice(2);
const { key, cert, clientCa, protocol } = JSON.parse(options);

function makeServer() {
  if (!key) return http2.createServer();
  const tls = { key: readFileSync(key), cert: readFileSync(cert) };
  if (clientCa) Object.assign(tls, { ca: readFileSync(clientCa), requestCert: true });
  if (protocol === 'http1') return https.createServer(tls);
  return http2.createSecureServer({ ...tls, allowHTTP1: protocol === 'both' });
}

const server = makeServer();
server.on('secureConnection', (socket) => {
  const shown = socket.getPeerCertificate().subject?.CN ?? 'nobody';
  console.log(`handshake ${socket.servername || 'without-name'} ${shown}`);
});
server.on('tlsClientError', (error) => console.log(`refused ${error.code}`));
server.on('sessionError', () => {});

server.on('request', async (request, response) => {
  console.log(`request ${request.method} ${request.url} HTTP/${request.httpVersion}`);
  request.on('error', () => {});
  response.on('error', () => {});
  if (request.url === '/events') return events(response);
  let bytes = 0;
  for await (const chunk of request) bytes += chunk.length;
  response.setHeader('Cache-Control', 'no-store');
  return response.end(JSON.stringify({ http: request.httpVersion, bytes, host: request.authority ?? request.headers.host }));
});

// Three events; between them is as much time as the client takes to ask for /next.
let next = () => {};
async function events(response) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  for (let id = 1; id <= 3; id += 1) {
    const asked = new Promise((resolve) => { next = resolve; });
    response.write(`id: ${id}\ndata: event ${id}\n\n`);
    await asked;
  }
  response.end();
}
server.on('request', (request) => { if (request.url === '/next') next(); });

const sockets = new WebSocketServer({ noServer: true });
server.on('upgrade', (request, socket, head) => {
  console.log(`upgrade ${request.url} HTTP/${request.httpVersion}`);
  sockets.handleUpgrade(request, socket, head, (opened) => {
    opened.on('message', (message, isBinary) => opened.send(message, { binary: isBinary }));
  });
});

process.stdin.on('close', () => process.exit()).resume();
server.listen(0, host, () => console.log(server.address().port));
