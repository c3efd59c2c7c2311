// An app server that can be told to misbehave: `target.mjs NAME HOST PORT ORDERS [--http2] [--keep-alive=MS]`.
//
// GET / says its name, POST /order writes the order that it was sent to the file ORDERS before it
// answers: what is in there was executed. It stops when its standard input closes, and finishes what
// is under way on SIGTERM. What it shall do from now on, and what it has seen, goes over a port of
// its own, which it prints.
import { openSync, writeSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import express from 'express';

const [name, host, port, orders, ...options] = process.argv.slice(2);
const book = openSync(orders, 'a');
const keepAlive = options.find((it) => it.startsWith('--keep-alive='))?.split('=')[1];
// The socket of each HTTP/2 connection.
const sessions = new Map();
const seen = { connections: 0, requests: 0, orders: 0, checks: 0 };
let stopping = false;
// mode: ok | 500 | hang | reset-half | slow; health: the status of /health, 0 is none.
let behavior = { mode: 'ok', ms: 0, health: 200 };

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

async function read(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function say(response, status, text, fields = {}) {
  const all = { 'x-app': name, 'cache-control': 'no-store', 'content-length': Buffer.byteLength(text), ...fields };
  // Node goes on with connections that are in use.
  if (stopping && !response.stream) all.connection = 'close';
  response.writeHead(status, all);
  response.end(text);
}

// The connection, and with HTTP/2 all that is on it.
function reset(request) {
  const socket = sessions.get(request.stream?.session) ?? request.socket;
  socket.resetAndDestroy();
}

// Whether the request is still to be answered as usual.
async function behave(request, response) {
  seen.requests += 1;
  switch (behavior.mode) {
    case '500': say(response, 500, 'broken'); return false;
    case 'hang': return false;
    case 'reset-half': if (seen.requests % 2) return true; reset(request); return false;
    case 'slow': await pause(behavior.ms); return true;
    default: return true;
  }
}

const routes = {
  async 'GET /'(request, response) {
    if (await behave(request, response)) say(response, 200, name);
  },
  async 'GET /stored'(request, response) {
    if (await behave(request, response)) say(response, 200, name, { 'cache-control': 'max-age=0, stale-if-error=600' });
  },
  async 'GET /slow'(request, response) {
    if (!await behave(request, response)) return;
    await pause(Number(new URL(request.url, 'http://app').searchParams.get('ms')));
    say(response, 200, name);
  },
  async 'GET /health'(request, response) {
    seen.checks += 1;
    if (behavior.health) say(response, behavior.health, name);
  },
  // What misbehaves does so when the order is executed: whoever sends it again has it executed twice.
  async 'POST /order'(request, response) {
    const order = await read(request);
    writeSync(book, `${order}\n`);
    seen.orders += 1;
    if (await behave(request, response)) say(response, 201, name);
  },
};

// One that hangs up in the middle is part of many tests.
const guarded = (route) => (request, response) => route(request, response).catch(() => {});

function ordinary() {
  const app = express();
  for (const [place, route] of Object.entries(routes)) {
    const [method, path] = place.split(' ');
    app[method.toLowerCase()](path, guarded(route));
  }
  const server = http.createServer(app);
  if (keepAlive) server.keepAliveTimeout = Number(keepAlive);
  return { server, close: () => server.close(() => process.exit()) };
}

// Express knows no HTTP/2.
function overHttp2() {
  const server = http2.createServer((request, response) => {
    request.on('error', () => {});
    response.on('error', () => {});
    const path = request.url.split('?')[0];
    const route = routes[`${request.method} ${path}`];
    if (route) guarded(route)(request, response);
    else say(response, 404, 'missing');
  });
  // Node lets nobody but itself touch the socket that a session says is its own.
  let socket;
  server.prependListener('connection', (accepted) => { socket = accepted; });
  server.on('session', (session) => {
    sessions.set(session, socket);
    session.on('close', () => sessions.delete(session));
    session.on('error', () => {});
  });
  server.on('sessionError', () => {});
  const close = () => {
    server.close(() => process.exit());
    for (const session of sessions.keys()) session.close();
  };
  return { server, close };
}

const { server, close } = options.includes('--http2') ? overHttp2() : ordinary();
server.on('connection', () => { seen.connections += 1; });

const control = http.createServer(async (request, response) => {
  if (request.method === 'PUT') behavior = { mode: 'ok', ms: 0, health: 200, ...JSON.parse(await read(request)) };
  response.end(JSON.stringify({ name, ...seen, ...behavior }));
});

process.stdin.on('close', () => process.exit()).resume();
process.on('SIGTERM', () => {
  stopping = true;
  close();
});
server.listen(Number(port), host, () => {
  control.listen(0, host, () => console.log(control.address().port));
});
