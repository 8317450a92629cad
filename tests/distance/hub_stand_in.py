"""A stand-in for the hub's HTTP interface on loopback: repositories of data sets, in memory."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "c" * 40


class Hub(ThreadingHTTPServer):
    """Repository -> file -> bytes; `tokens` lists what requests were signed with.

    With `large` on, fingerprints go the way of large files (Git LFS): a batch says where, each is
    put there (`objects`, by digest), verified, and then committed by its digest alone. Objects in
    `lost` are never taken.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories, self.tokens, self.needs = {}, [], ""
        self.large, self.objects, self.lost = False, {}, set()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, code, body=b"", **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def allowed(self):
        said = self.headers.get("Authorization", "")
        self.server.tokens.append(said)
        return said == f"Bearer {self.server.needs}" or not self.server.needs

    def do_POST(self):
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.allowed():
            return self.answer(401, {"error": f"bad token {self.headers.get('Authorization')}"})
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        repositories = self.server.repositories
        if parts == ["api", "repos", "create"]:
            asked = json.loads(data)
            name = (
                f"{asked['organization']}/{asked['name']}"
                if asked.get("organization")
                else asked["name"]
            )
            repositories.setdefault(name, {})
            return self.answer(200, {"url": f"{self.server.address}/datasets/{name}"})
        if parts[-2:] == ["objects", "batch"]:
            objects = json.loads(data)["objects"]
            return self.answer(
                200, {"transfer": "basic", "objects": list(map(self.place, objects))}
            )
        if parts[0] == "verify":
            return self.answer(200 if json.loads(data)["oid"] in self.server.objects else 404, {})
        name = "/".join(parts[2:4])
        if parts[4] == "preupload":
            files = [
                {"path": f["path"], "uploadMode": self.mode(f["path"]), "shouldIgnore": False}
                for f in json.loads(data)["files"]
            ]
            return self.answer(200, {"files": files})
        for line in map(json.loads, data.splitlines()):
            if line["key"] == "file":
                value = line["value"]
                repositories[name][value["path"]] = base64.b64decode(value["content"])
            if line["key"] == "lfsFile":
                value = line["value"]
                repositories[name][value["path"]] = self.server.objects[value["oid"]]
        url = f"{self.server.address}/datasets/{name}/commit/{COMMIT}"
        return self.answer(200, {"success": True, "commitOid": COMMIT, "commitUrl": url})

    def mode(self, path):
        return "lfs" if self.server.large and path.endswith(".safetensors") else "regular"

    def place(self, asked):
        to = {
            kind: {"href": f"{self.server.address}/{kind}/{asked['oid']}"}
            for kind in ("upload", "verify")
        }
        return {**asked, "actions": to}

    def do_PUT(self):
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        digest = self.path.rsplit("/", 1)[1]
        if digest in self.server.lost or hashlib.sha256(data).hexdigest() != digest:
            return self.answer(403, {"error": "not taken"})
        self.server.objects[digest] = data
        return self.answer(200)

    def do_GET(self):
        if not self.allowed():
            return self.answer(401, {"error": "bad token"})
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        if parts[0] == "api":
            name = "/".join(parts[2:4])
            if name not in self.server.repositories:
                return self.answer(404, {"error": "none"}, X_Error_Code="RepoNotFound")
            known = {"id": name, "sha": COMMIT, "siblings": [], "tags": [], "private": False}
            return self.answer(200, known)
        files, path = self.server.repositories["/".join(parts[1:3])], "/".join(parts[5:])
        if path not in files:
            return self.answer(404, {"error": "none"}, X_Error_Code="EntryNotFound")
        etag = f'"{hashlib.sha1(files[path]).hexdigest()}"'
        return self.answer(200, files[path], X_Repo_Commit=COMMIT, ETag=etag)

    do_HEAD = do_GET


@contextmanager
def hub():
    """Serve one in a thread."""
    with Hub() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
