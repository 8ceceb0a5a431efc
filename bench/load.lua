-- What `wrk` adds to its own report: one line of JSON with what the benchmarks read.
done = function(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        '\n{"requests": %d, "seconds": %.6f, "p50": %.3f, "p95": %.3f, "p99": %.3f, "refused": %d, "lost": %d}\n',
        summary.requests,
        summary.duration / 1e6,
        latency:percentile(50) / 1000,
        latency:percentile(95) / 1000,
        latency:percentile(99) / 1000,
        errors.status,
        errors.connect + errors.read + errors.write + errors.timeout
    ))
end
