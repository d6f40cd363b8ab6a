"""The lab in a thread of the test's process, for servers that tell it what they saw."""

import threading
import time
from contextlib import contextmanager

from werkzeug.serving import WSGIRequestHandler, make_server

from lab import create_app
from lab.config import Config
from tests.ports import free_port


class QuietHandler(WSGIRequestHandler):
    def log(self, *_anything):
        pass


class RunningLab:
    """The lab, and what was told to it."""

    def __init__(self, port):
        self.url = f"http://lab.localhost:{port}"
        self.app = create_app(Config.from_environment({"LAB_DEMO": "1", "LAB_PORT": str(port)}))
        _, self.hops = self.app.extensions["lab"]

    def wait_for(self, request_id):
        """Return the hop of a request as soon as it was told."""
        while True:
            try:
                return self.hops.by_request_id(request_id)
            except KeyError:
                time.sleep(0.005)

    def wait_for_path(self, path):
        """Return the newest hop at a path as soon as one was told."""
        while True:
            with self.hops._lock:
                found = [hop for hop in self.hops._by_request.values() if hop.path == path]
            if found:
                return found[-1]
            time.sleep(0.005)


@contextmanager
def running_lab():
    """Run the lab until the block ends."""
    port = free_port()
    lab = RunningLab(port)
    server = make_server("127.0.0.1", port, lab.app, threaded=False, request_handler=QuietHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield lab
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
