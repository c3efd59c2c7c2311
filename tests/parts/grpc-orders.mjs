// The service of `grpc-server.mjs`, as both sides know it.
const toText = { requestSerialize: Buffer.from, requestDeserialize: String, responseSerialize: Buffer.from, responseDeserialize: String };
const method = (name, requestStream, responseStream) => ({ path: `/shop.Orders/${name}`, requestStream, responseStream, ...toText });

export const service = {
  Get: method('Get', false, false),
  List: method('List', false, true),
  Talk: method('Talk', true, true),
  Become: method('Become', false, false),
};
