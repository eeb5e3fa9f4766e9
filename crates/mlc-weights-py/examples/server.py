"""A server that downloads its models while it starts, and already responds: python server.py PORT HF://user/repo..."""

from __future__ import annotations

import asyncio
import sys

import mlc_weights


class Startup:
    """The models of a server, and their progress."""

    def __init__(self, urls: list[str]) -> None:
        self._progress: dict[str, mlc_weights.Progress] = {}
        self._ready: dict[str, mlc_weights.Model] = {}
        self._urls = urls

    async def run(self) -> None:
        """Downloads all models at once. If it is cancelled, downloaded data is kept for the next start."""
        await asyncio.gather(*map(self._get, self._urls))

    async def _get(self, url: str) -> None:
        def note(progress: mlc_weights.Progress) -> None:
            self._progress[url] = progress

        self._ready[url] = await mlc_weights.download_async(url, progress=note)

    def health(self) -> tuple[bool, str]:
        """Whether requests can be served, with a line for each model."""
        lines = []
        for url in self._urls:
            if url in self._ready:
                lines.append(f"{url} ready in {self._ready[url].path}")
            elif url in self._progress:
                progress = self._progress[url]
                lines.append(f"{url} {progress.bytes_done / 1e6:.1f} of {progress.bytes / 1e6:.1f} MB")
            else:
                lines.append(f"{url} waiting")
        return len(self._ready) == len(self._urls), "\n".join(lines) + "\n"


async def serve(port: int, startup: Startup) -> None:
    """Answers every request with the models' state: 200 once all are ready, 503 before."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        is_ready, text = startup.health()
        status = "200 OK" if is_ready else "503 Service Unavailable"
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n{text}".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", port) as server:
        await startup.run()
        print("ready", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Startup(sys.argv[2:])))
