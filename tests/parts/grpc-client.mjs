// A gRPC client: `grpc-client.mjs ADDRESS CA METHOD MESSAGE` makes one call and prints what came of it
// as JSON: `code`, `details`, `messages`. CA is the file of whoever vouches for www.example.test, or
// `-` for a server in clear.
import { readFileSync } from 'node:fs';
import grpc from '@grpc/grpc-js';
import { service } from './grpc-orders.mjs';

const [address, ca, method, message] = process.argv.slice(2);
const Orders = grpc.makeGenericClientConstructor(service, 'Orders');
const secure = { 'grpc.ssl_target_name_override': 'www.example.test', 'grpc.default_authority': 'www.example.test' };
const client = ca === '-'
  ? new Orders(address, grpc.credentials.createInsecure())
  : new Orders(address, grpc.credentials.createSsl(readFileSync(ca)), secure);

const messages = [];
const deadline = { deadline: Date.now() + 15000 };
const tell = ({ code, details }) => {
  console.log(JSON.stringify({ code, details, messages }));
  client.close();
};

if (method === 'List') {
  const call = client.List(message, deadline);
  call.on('data', (it) => messages.push(it)).on('error', () => {}).on('status', tell);
} else if (method === 'Talk') {
  const words = message.split(' ');
  const call = client.Talk(deadline);
  const speak = () => { if (words.length) call.write(words.shift()); else call.end(); };
  call.on('data', (it) => { messages.push(it); speak(); }).on('error', () => {}).on('status', tell);
  speak();
} else {
  const call = client[method](message, deadline, (error, it) => { if (!error) messages.push(it); });
  call.on('status', (status) => setImmediate(tell, status));
}
