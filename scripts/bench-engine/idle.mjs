// A Node process that does nothing: what the event loop of a measured process is compared with.
setInterval(() => undefined, 60_000);
process.on('SIGTERM', () => process.exit(0));
process.stdout.write(`ready pid=${process.pid}\n`);
