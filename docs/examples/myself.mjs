// Asks Jira who the token's owner is: GET /rest/api/2/myself. Needs Node 18 or newer and nothing else.
//   GATEPASS_URL      the service: https://jira.example.com
//   GATEPASS_TOKEN    the token
//   GATEPASS_USER     its owner's name, for Basic; without it the token goes as Bearer
//   GATEPASS_CA_FILE  PEM of a private certificate authority; without it Node's own ones count
import { readFileSync } from "node:fs";
import https from "node:https";

const { GATEPASS_URL: url, GATEPASS_TOKEN: token, GATEPASS_USER: user, GATEPASS_CA_FILE: caFile } = process.env;

function fail(message) {
  console.error(message);
  process.exit(1);
}

if (!url) fail("GATEPASS_URL is not set");
if (!token) fail("GATEPASS_TOKEN is not set");
if (!url.startsWith("https://")) fail("GATEPASS_URL must begin with https://");

const credentials = user ? `Basic ${Buffer.from(`${user}:${token}`).toString("base64")}` : `Bearer ${token}`;
const options = {
  ca: caFile ? readFileSync(caFile) : undefined,
  headers: { Authorization: credentials, Accept: "application/json" },
  timeout: 30_000,
};

const request = https.get(`${url.replace(/\/$/, "")}/rest/api/2/myself`, options, (response) => {
  let body = "";
  response.setEncoding("utf8");
  response.on("data", (part) => (body += part));
  response.on("error", (error) => fail(`${url}: ${error.message}`));
  response.on("end", () => {
    if (response.statusCode !== 200) fail(`HTTP ${response.statusCode}: ${body}`);
    console.log(body);
  });
});
request.on("timeout", () => request.destroy(new Error("no reply in 30 seconds")));
request.on("error", (error) => fail(`${url}: ${error.message}`));
