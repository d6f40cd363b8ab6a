"""A signer of its own: makes a key that nobody else sees, and answers signatures over a pipe."""

from multiprocessing import get_context

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


class SignerProcess:
    """The only holder of a private key, as a KMS is; ``behaviour`` says what it does next."""

    def __init__(self):
        spawning = get_context("spawn")
        self._pipe, far_end = spawning.Pipe()
        self._process = spawning.Process(target=_serve, args=(far_end,), daemon=True)
        self._process.start()
        far_end.close()
        self.public_key = serialization.load_pem_public_key(self._pipe.recv_bytes())
        self.behaviour = b"sign"
        self.timeout = None

    def request_signature(self, octets):
        self._pipe.send_bytes(self.behaviour)
        self._pipe.send_bytes(octets)
        if not self._pipe.poll(self.timeout):
            raise TimeoutError(f"no answer for {octets!r}")
        return self._pipe.recv_bytes()

    def stop(self):
        self._pipe.close()
        self._process.join()


def _serve(pipe):
    private_key = rsa.generate_private_key(65537, 2048)
    another_key = rsa.generate_private_key(65537, 2048)
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    pipe.send_bytes(private_key.public_key().public_bytes(encoding, form))
    while True:
        try:
            behaviour, octets = pipe.recv_bytes(), pipe.recv_bytes()
        except EOFError:
            return
        if behaviour == b"say nothing":
            continue
        if behaviour == b"leave":
            return
        key = another_key if behaviour == b"use another key" else private_key
        signature = key.sign(octets, padding.PKCS1v15(), hashes.SHA256())
        pipe.send_bytes(b"" if behaviour == b"leave it empty" else signature)
