"""Child of the tests: opens an embedded server, tells about it as one JSON line, waits.

Ends when its standard input closes, when it is told ``exit``, or by a signal.  Run as
``python serve.py DIRECTORY [--thread] [--durable]``.
"""

import json
import sys
import threading
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[3])

from tenants import embedded  # noqa: E402


def tell(**values: object) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def serve(directory: Path, durable: bool) -> None:
    notes: list[str] = []
    try:
        with embedded.server(directory, durable=durable, report=notes.append) as server:
            tell(
                url=server.url,
                admin_url=server.admin_url,
                pid=server.pid,
                port=server.port,
                attached=server.attached,
                adopted=server.adopted,
                directory=str(server.directory),
                notes=notes,
            )
            for line in sys.stdin:
                if line.strip() == "exit":
                    break
                if line.strip() == "restart":
                    alive = server.running()
                    server.restart()
                    tell(alive=alive, pid=server.pid, port=server.port)
    except embedded.EmbeddedError as error:
        tell(error=str(error))
        sys.exit(1)


if __name__ == "__main__":
    arguments = (Path(sys.argv[1]), "--durable" in sys.argv)
    if "--thread" in sys.argv:  # the kernel then does not tie the server to this process
        thread = threading.Thread(target=serve, args=arguments)
        thread.start()
        thread.join()
    else:
        serve(*arguments)
