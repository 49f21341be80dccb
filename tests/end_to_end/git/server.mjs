// A git server as it stands behind the gate: git's own `http-backend` by CGI (RFC 3875), told by x-gatepass-user who
// asks. Node, because the build needs it anyhow and its HTTP server takes chunked bodies, which CGI servers of scripting
// languages do not; web servers from a distribution's packages would start themselves on port 80.
//
//   node server.mjs FOLDER    serves FOLDER/a/b.git as /scm/a/b.git, prints its port, then a line of JSON a
//                             request; other paths get 204 at once
import { spawn } from "node:child_process";
import http from "node:http";

const [folder] = process.argv.slice(2);

function environment(request) {
  const [path, query = ""] = request.url.split("?", 2);
  const variables = {
    PATH: process.env.PATH,
    HOME: folder,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_PROJECT_ROOT: folder,
    GIT_HTTP_EXPORT_ALL: "1",
    GATEWAY_INTERFACE: "CGI/1.1",
    SERVER_PROTOCOL: "HTTP/1.1",
    REQUEST_METHOD: request.method,
    PATH_INFO: decodeURIComponent(path).replace(/^\/scm/, ""),
    QUERY_STRING: query,
    REMOTE_ADDR: request.socket.remoteAddress,
    REMOTE_USER: request.headers["x-gatepass-user"] ?? "",
    CONTENT_TYPE: request.headers["content-type"] ?? "",
  };
  if (request.headers["content-length"]) variables.CONTENT_LENGTH = request.headers["content-length"];
  for (const name of ["content-encoding", "git-protocol"]) {
    if (request.headers[name]) variables[`HTTP_${name.toUpperCase().replace("-", "_")}`] = request.headers[name];
  }
  // http-backend takes an empty REMOTE_USER for somebody.
  if (!variables.REMOTE_USER) delete variables.REMOTE_USER;
  return variables;
}

/** Passes on what CGI writes: header lines with a `Status`, an empty line, the body. */
function answer(output, response) {
  let pending = Buffer.alloc(0);
  output.on("data", (part) => {
    if (response.headersSent) {
      if (!response.write(part)) output.pause();
      return;
    }
    pending = Buffer.concat([pending, part]);
    const end = pending.indexOf("\r\n\r\n");
    if (end < 0) return;
    let status = 200;
    for (const line of pending.toString("latin1", 0, end).split("\r\n")) {
      const [name, value] = line.split(/: */, 2);
      if (name.toLowerCase() === "status") status = parseInt(value, 10);
      else response.appendHeader(name, value);
    }
    response.writeHead(status).write(pending.subarray(end + 4));
  });
  response.on("drain", () => output.resume());
  output.on("end", () => response.end());
}

const server = http.createServer((request, response) => {
  if (!request.url.startsWith("/scm/")) {
    response.writeHead(204).end();
    return;
  }
  const backend = spawn("git", ["http-backend"], { env: environment(request), stdio: ["pipe", "pipe", "inherit"] });
  let bytes = 0;
  request.on("data", (part) => (bytes += part.length));
  request.on("end", () => {
    const { method, url, headers } = request;
    console.log(JSON.stringify({ method, url, headers, bytes }));
  });
  // The backend may end before it has read everything.
  backend.stdin.on("error", () => {});
  request.pipe(backend.stdin);
  answer(backend.stdout, response);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
