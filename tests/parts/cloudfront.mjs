// Calls CloudFront's API by the AWS SDK for JavaScript, as deploy scripts in Node do.
//
// Reads and writes what cloudfront.py does.
import { text } from 'node:stream/consumers'
import * as cloudfront from '@aws-sdk/client-cloudfront'

const client = new cloudfront.CloudFrontClient({})
const told = []
for (const call of JSON.parse(await text(process.stdin))) {
  told.push(await outcome(call))
}
process.stdout.write(JSON.stringify(told))

async function outcome (call) {
  try {
    return await carriedOut(call, filledIn(call.with ?? {}))
  } catch (error) {
    if (!error.$metadata && error.name !== 'TimeoutError') throw error
    return { ...metadata(error), code: error.name, message: error.message }
  }
}

async function carriedOut (call, words) {
  if (call.wait) {
    const pauses = { client, maxWaitTime: 30, minDelay: 1, maxDelay: 1 }
    await cloudfront[`waitUntil${call.wait}`](pauses, words)
    return { status: 200 }
  }
  if (call.pages) {
    const pages = []
    for await (const page of cloudfront[`paginate${call.pages}`]({ client, pageSize: call.size }, words)) {
      pages.push(page)
    }
    const about = metadata(pages.at(-1))
    return { ...about, result: pages.map(({ $metadata, ...page }) => page) }
  }
  const { $metadata, ...result } = await client.send(new cloudfront[`${call.ask}Command`](words))
  return { ...metadata({ $metadata }), result }
}

function metadata ({ $metadata = {} }) {
  return {
    status: $metadata.httpStatusCode ?? 0,
    request: $metadata.requestId ?? '',
    attempts: $metadata.attempts ?? 1
  }
}

// The value, with what earlier calls were told in its place.
function filledIn (value) {
  if (Array.isArray(value)) return value.map(filledIn)
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, filledIn(inner)]))
  }
  if (typeof value !== 'string' || !value.startsWith('$')) return value
  const [which, ...names] = value.slice(1).split('.')
  return names.reduce((found, name) => found[name], told[which].result)
}
