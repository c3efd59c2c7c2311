// Runs the public suite of HTTP cache tests against an edge, and prints what did not pass.
//
//   node cache-suite.mjs http://127.0.0.1:8080 [test id ...]
//
// The suite's own command line keeps what passes to itself when asked for one test, and cannot be
// asked for several.
import fetch from 'node-fetch'
import { runTests, getResults } from 'http-cache-tests/client/runner.mjs'
import suites from 'http-cache-tests/tests/index.mjs'

const [base, ...ids] = process.argv.slice(2)
const wanted = (test) => ids.length === 0 || ids.includes(test.id)
const asked = suites.map((suite) => ({ ...suite, tests: suite.tests.filter(wanted) }))
await runTests(asked, fetch, false, base)
const results = Object.entries(getResults())
console.log(JSON.stringify({
  passed: results.filter(([, result]) => result === true).length,
  others: Object.fromEntries(results.filter(([, result]) => result !== true))
}))
process.exit(0)
