"""What many requests at once are worth: a loopback server with latency, 1 and 16 in flight.

    python benchmarks/servers_in_flight.py [latency in ms] [repeats]

The server, in a process of its own, answers every completion after the latency, however many are on
their way, as a batching engine does. Both ways are measured in turn in one run; medians.
"""

import asyncio
import multiprocessing
import statistics
import sys
import time

from behaviordist.behaviors import load
from behaviordist.behaviors.servers.client import Client
from behaviordist.probes import Probe, ProbeSet

ANSWER = b'{"choices": [{"text": "an answer"}], "usage": {"total_tokens": 10}}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
PROBES, ANSWERS = 40, 8


def serve(port, latency):
    """Answer every request on every connection after `latency` seconds."""

    async def connection(reader, writer):
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(h for h in head.lower().split(b"\r\n") if b"content-length" in h)
                await reader.readexactly(int(length.partition(b":")[2]))
                await asyncio.sleep(latency)
                writer.write(HEAD % len(ANSWER) + ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def forever():
        server = await asyncio.start_server(connection, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(forever())


def seconds(url, in_flight):
    """How long all answers to all probes take."""
    probes = ProbeSet("many", tuple(Probe(f"p{i}", f"ask {i}", " x") for i in range(PROBES)))
    behavior = load(f"{url}#m")
    object.__setattr__(behavior, "client", Client(url, in_flight=in_flight))
    began = time.perf_counter()
    found = behavior.samples(probes, ANSWERS)
    assert sum(map(len, found)) == PROBES * ANSWERS
    return time.perf_counter() - began


def main():
    latency = float(sys.argv[1]) if len(sys.argv) > 1 else 50.0
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    here, there = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(there, latency / 1000), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{here.recv()}/v1"
    seconds(url, 16)  # imports
    times = {1: [], 16: []}
    for _ in range(repeats):
        for in_flight in times:
            times[in_flight].append(seconds(url, in_flight))
    requests = PROBES * ANSWERS
    for in_flight, found in times.items():
        each = statistics.median(found)
        spread = f"{min(found):.2f} to {max(found):.2f}"
        print(f"{in_flight:>2} in flight: {each:.2f} s ({spread}), {requests / each:.0f} a second")
    ratio = statistics.median(a / b for a, b in zip(times[1], times[16], strict=True))
    print(f"{requests} requests, {latency:g} ms each: {ratio:.1f} times as fast")
    server.terminate()


if __name__ == "__main__":
    main()
