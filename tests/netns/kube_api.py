# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A stand-in for Kubernetes' API server, over HTTPS: discovery, list in pages, watch with bookmarks
and expiry, bearer tokens, field selectors, tables for kubectl. What a server does rarely is done on
demand: expire(), hang_up(), refuse."""
import http.server
import json
import os
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse
import uuid

RESOURCES = {  # path: (kind, version, group)
    "/api/v1/pods": ("Pod", "v1"), "/api/v1/services": ("Service", "v1"),
    "/api/v1/nodes": ("Node", "v1"), "/api/v1/namespaces": ("Namespace", "v1"),
    "/apis/discovery.k8s.io/v1/endpointslices": ("EndpointSlice", "discovery.k8s.io/v1"),
    "/apis/apps/v1/replicasets": ("ReplicaSet", "apps/v1"),
    "/apis/batch/v1/jobs": ("Job", "batch/v1"),
}


def certificates(directory, days=2, ca_days=2):
    """A CA, a server's certificate for 127.0.0.1 and a client's; paths of (ca, cert, key)."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)

    def made(name, subject, extension, valid, *signer):
        with open(os.path.join(directory, f"{name}.ext"), "w", encoding="ascii") as file:
            file.write(extension)
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                f"{name}.key", "-out", f"{name}.csr", "-subj", subject)
        openssl("x509", "-req", "-in", f"{name}.csr", *(signer or ("-signkey", f"{name}.key")),
                "-out", f"{name}.crt", "-days", str(valid), "-extfile", f"{name}.ext")
    ours = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial")
    made("ca", "/CN=test CA", "basicConstraints=critical,CA:TRUE\n", ca_days)
    made("server", "/CN=kube-apiserver", "subjectAltName=IP:127.0.0.1\n", days, *ours)
    made("client", "/CN=flowd", "extendedKeyUsage=clientAuth\n", 2, *ours)
    return tuple(os.path.join(directory, name) for name in ("ca.crt", "server.crt", "server.key"))


def pod(namespace, name, address, container=None, labels=None, owner=None, node="lab", uid=None,
        **status):
    made = {"metadata": {"name": name, "namespace": namespace, "uid": uid or str(uuid.uuid4()),
                         "labels": labels or {}},
            "spec": {"nodeName": node, "containers": [{"name": "main", "image": "img"}]},
            "status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
                       "containerStatuses": [{"name": "main", "image": "img:1", "containerID":
                                              f"containerd://{container or uuid.uuid4().hex * 2}"}],
                       **status}}
    if owner:
        made["metadata"]["ownerReferences"] = [{"kind": owner[0], "name": owner[1], "uid": "u",
                                                "controller": True, "apiVersion": "apps/v1"}]
    return made


class Api:
    def __init__(self, lab, namespace, token="t0ken", days=2, ca_days=2):
        self.directory = os.path.join(lab.directory, f"api{uuid.uuid4().hex[:6]}")
        os.makedirs(self.directory)
        self.token = token
        self.ca, cert, key = certificates(self.directory, days, ca_days)
        self.changed = threading.Condition()
        self.version, self.objects, self.history = 100, {path: {} for path in RESOURCES}, []
        self.oldest, self.connections, self.requests, self.bookmarks = 0, set(), [], False
        self.times = []  # (when, path) of requests
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(self.ca)
        with namespace:
            self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def kubeconfig(self, token=None, ca=None, port=None, user=None):
        """Path of a file that leads here; `user`: its user as YAML, in place of the token."""
        path = os.path.join(self.directory, f"config{uuid.uuid4().hex[:6]}")
        user = user or f"token: {token or self.token}"
        with open(path, "w", encoding="ascii") as file:
            file.write(
                "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters:\n- name: k\n"
                f"  cluster: {{server: \"https://127.0.0.1:{port or self.port}\", "
                f"certificate-authority: {ca or self.ca}}}\nusers:\n- name: u\n"
                f"  user: {{{user}}}\ncontexts:\n- name: c\n"
                "  context: {cluster: k, user: u}\n")
        return path

    # ---- changes

    def put(self, path, thing, kind="ADDED"):
        with self.changed:
            self.version += 1
            self._store(path, thing, kind)
            self.changed.notify_all()

    def _store(self, path, thing, kind):
        names = RESOURCES[path]
        thing = json.loads(json.dumps(thing))
        thing.update(kind=names[0], apiVersion=names[1])
        thing["metadata"].setdefault("uid", str(uuid.uuid4()))
        thing["metadata"]["resourceVersion"] = str(self.version)
        key = (thing["metadata"].get("namespace", ""), thing["metadata"]["name"])
        if kind == "DELETED":
            self.objects[path].pop(key, None)
        else:
            self.objects[path][key] = thing
        self.history.append((self.version, path, kind, thing))

    def delete(self, path, thing):
        self.put(path, thing, "DELETED")

    def expire(self):
        """Versions before now are forgotten: who asks for them is told 410."""
        with self.changed:
            self.oldest = self.version + 1
            self.version += 2
            self.history = []
            self.changed.notify_all()

    def hang_up(self):
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.server.shutdown()
        self.hang_up()
        self.server.server_close()

    # ---- answers

    def _chosen(self, path, query, thing):
        for field in filter(None, query.get("fieldSelector", "").split(",")):
            name, value = field.split("=", 1)
            if name == "spec.nodeName" and thing["spec"].get("nodeName") != value:
                return False
            if name == "metadata.name" and thing["metadata"]["name"] != value:
                return False
        labels = dict(part.split("=", 1) for part in query.get("labelSelector", "").split(",")
                      if "=" in part)
        return all(thing["metadata"].get("labels", {}).get(key) == value
                   for key, value in labels.items())

    def page(self, path, query):
        """(status, object)"""
        with self.changed:
            things = [thing for _, thing in sorted(self.objects[path].items())
                      if self._chosen(path, query, thing)]
            version, start = str(self.version), 0
            if query.get("continue"):
                version, start = query["continue"].split(":")
                start = int(start)
                if int(version) < self.oldest:
                    return 410, {"kind": "Status", "code": 410, "reason": "Expired"}
        limit = int(query.get("limit") or len(things) or 1)
        metadata = {"resourceVersion": version}
        if start + limit < len(things):
            metadata["continue"] = f"{version}:{start + limit}"
        kind, group = RESOURCES[path]
        return 200, {"kind": f"{kind}List", "apiVersion": group, "metadata": metadata,
                     "items": things[start:start + limit]}

    def events(self, path, query):
        """Generates watch events, None for a while without any."""
        since, end = int(query.get("resourceVersion") or 0), time.monotonic() + float(
            query.get("timeoutSeconds") or 300)
        while time.monotonic() < end:
            with self.changed:
                if since and since < self.oldest:
                    yield {"type": "ERROR", "object": {"kind": "Status", "code": 410,
                                                       "reason": "Expired"}}
                    return
                fresh = [entry for entry in self.history if entry[0] > since]
                if not fresh and not self.changed.wait(0.2):
                    if self.bookmarks and query.get("allowWatchBookmarks"):
                        kind, group = RESOURCES[path]
                        since = self.version
                        fresh = [(since, path, "BOOKMARK", {
                            "kind": kind, "apiVersion": group,
                            "metadata": {"resourceVersion": str(since)}})]
            for version, where, kind, thing in fresh:
                since = version
                if where == path and (kind == "BOOKMARK" or self._chosen(path, query, thing)):
                    yield {"type": kind, "object": thing}
            yield None

    def _handler(self):
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def setup(self):
                super().setup()
                api.connections.add(self.connection)

            def finish(self):
                api.connections.discard(self.connection)
                try:
                    super().finish()
                except OSError:
                    pass

            def answer(self, status, thing):
                body = json.dumps(thing).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def watch(self, path, query):
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for event in api.events(path, query):
                    if event:
                        line = (json.dumps(event) + "\n").encode()
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                        self.wfile.flush()
                self.wfile.write(b"0\r\n\r\n")

            def discovery(self, path):
                if path == "/version":
                    return {"major": "1", "minor": "32", "gitVersion": "v1.32.4"}
                if path == "/api":
                    return {"kind": "APIVersions", "versions": ["v1"]}
                if path == "/apis":
                    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": []}
                if path == "/api/v1":
                    return {"kind": "APIResourceList", "groupVersion": "v1", "resources": [
                        {"name": name, "singularName": name[:-1], "namespaced": name in (
                            "pods", "services"), "kind": kind, "verbs": ["get", "list", "watch"]}
                        for name, kind in (("pods", "Pod"), ("services", "Service"),
                                           ("nodes", "Node"), ("namespaces", "Namespace"))]}
                return None

            def do_GET(self):
                url = urllib.parse.urlparse(self.path)
                query = dict(urllib.parse.parse_qsl(url.query))
                path = url.path.rstrip("/")
                api.requests.append(self.path)
                api.times.append((time.monotonic(), path))
                if (self.headers.get("Authorization") != f"Bearer {api.token}" and
                        not self.connection.getpeercert()):
                    return self.answer(401, {"kind": "Status", "status": "Failure", "code": 401,
                                             "reason": "Unauthorized", "message": "Unauthorized"})
                if self.discovery(path):
                    return self.answer(200, self.discovery(path))
                parts = path.split("/")
                if len(parts) == 6 and parts[3] == "namespaces":
                    path = f"/api/v1/{parts[5]}"
                if path not in RESOURCES:
                    return self.answer(404, {"kind": "Status", "status": "Failure", "code": 404})
                try:
                    if query.get("watch") in ("1", "true"):
                        return self.watch(path, query)
                    return self.answer(*api.page(path, query))
                except OSError:
                    self.close_connection = True
        return Handler
