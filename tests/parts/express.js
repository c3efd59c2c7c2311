// An application server as teams run it: an API, a page for every other path, a WebSocket.
// Prints the port it got, and stops when its standard input closes.
const express = require('express');
const { WebSocketServer } = require('ws');

const app = express();
let served = 0;

app.use((request, response, next) => {
  served += 1;
  response.set('X-Served', String(served));
  next();
});

app.get('/api/hello', (request, response) => {
  response.json({ hello: 'world' });
});

app.get('/api/cached', (request, response) => {
  response.set('Cache-Control', 'public, max-age=60').json({ cached: true });
});

app.get('/api/cookie', (request, response) => {
  response.cookie('session', `s${served}`).set('Cache-Control', 'max-age=60').json({ cookie: true });
});

app.post('/api/upload', async (request, response) => {
  let bytes = 0;
  for await (const chunk of request) bytes += chunk.length;
  response.json({ bytes });
});

app.get('/api/headers', (request, response) => {
  response.set('Cache-Control', 'no-store').json(request.headers);
});

// The next event is sent when the one before was acknowledged, so that a client sees whether events
// come one by one.
let acknowledged = () => {};
app.get('/api/events', async (request, response) => {
  response.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  response.flushHeaders();
  for (let id = 1; id <= 3; id += 1) {
    const seen = new Promise((resolve) => { acknowledged = resolve; });
    response.write(`id: ${id}\ndata: event ${id}\n\n`);
    await seen;
  }
  response.end();
});
app.post('/api/events/acknowledge', (request, response) => {
  acknowledged();
  response.sendStatus(204);
});

// The page of the app, which must never be kept. The Date is a mistake that was seen in the wild:
// milliseconds where a date belongs.
app.use((request, response) => {
  response.set({
    'Cache-Control': 'no-cache, no-store, must-revalidate',
    Pragma: 'no-cache',
    Date: 1700000000000,
  });
  response.type('html').send(`<h1>page ${served}</h1>`);
});

const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));
const sockets = new WebSocketServer({ server, path: '/api/ws' });
sockets.on('connection', (socket) => {
  socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }));
});

process.stdin.on('close', () => process.exit()).resume();
