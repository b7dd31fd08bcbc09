// Package browser looks at the live page and at trace files with headless Chromium, which is driven over a pipe by its own
// DevTools protocol. Without Chromium the tests are skipped, unless SHARDWISE_REQUIRE_BROWSER=1 demands it. With
// -screenshots DIR they leave pictures there, those of the documents included. Tests only.
package browser
