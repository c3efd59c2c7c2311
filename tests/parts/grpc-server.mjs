// A gRPC server: a service of its own, `shop.Orders`, and the standard health service.
//
// Its messages are plain text: nothing between client and server looks into them. It prints its port,
// and stops when its standard input closes.
import grpc from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { service } from './grpc-orders.mjs';

const health = new HealthImplementation({ '': 'SERVING', 'shop.Orders': 'SERVING' });

const server = new grpc.Server();
server.addService(service, {
  Get({ request }, reply) {
    if (request === 'lost') reply({ code: grpc.status.NOT_FOUND, details: 'no such order' });
    else reply(null, `order ${request}`);
  },
  List(call) {
    for (let nth = 1; nth <= Number(call.request); nth += 1) call.write(`order ${nth}`);
    call.end();
  },
  // Each message is answered before the next one is sent.
  Talk(call) {
    call.on('data', (message) => call.write(`you said ${message}`));
    call.on('end', () => call.end());
  },
  // What the health service says of `shop.Orders` from now on.
  Become({ request }, reply) {
    health.setStatus('shop.Orders', request);
    reply(null, request);
  },
});
health.addToServer(server);

process.stdin.on('close', () => process.exit()).resume();
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(port);
});
