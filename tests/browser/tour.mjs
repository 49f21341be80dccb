// The tour: a small company's server, from making a token to looking after everyone's. What README shows are pictures of this
// walk (`make screenshots`, `make pictures`).
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { before, test } from "node:test";
import { Visitor, atGate, gateAnswers, password, person, rest } from "./support.mjs";

const gate = process.env.GATEPASS_GATE;
const people = [
  ["ada", "admin", "Ada Okafor"], ["miriam", "token_manager", "Miriam Weiss"], ["jonas", "user", "Jonas Lindqvist"],
  ["priya", "user", "Priya Raman"], ["build-bot", "user", "Build server"], ["tomas", "user", "Tomás Herrera"], ["leila", "user", "Leila Haddad"],
];
// Of whom, what for, how long, and what else.
const tokens = [
  ["build-bot", "Jenkins: deploy to staging", "P1Y"],
  ["leila", "Quarterly figures for finance", "P6M", { scope: "read_only" }],
  ["build-bot", "Renovate", "P1Y"],
  ["tomas", "Terraform, network team", "P6M", { allowed_ips: ["10.20.0.0/16"] }],
  ["priya", "Grafana: ticket dashboards", "P1Y", { scope: "read_only" }],
  ["jonas", "Time sheets, old laptop", "P1D"],
  ["jonas", "Export to Excel", "P6M", { scope: "read_only" }],
  ["build-bot", "Jenkins: release notes", "P27D"],
  ["priya", "On-call bot", "P9D"],
  ["tomas", "Backup of attachments", "P1Y", { allowed_ips: ["10.20.4.7/32", "2001:db8:4::/48"] }],
  ["leila", "Nightly sync with CRM", "P5D"],
  ["jonas", "Nightly backup on build7", "P12D"],
  ["priya", "Sprint report", "P1Y", { scope: "read_only" }],
  ["jonas", "Grafana: build times", "P1Y", { scope: "read_only" }],
];
const made = new Map();

/** A request with this secret, from a program that says what it is. */
function asks(secret, agent, path = "/rest/api/2/myself", method = "GET") {
  return fetch(`${gate}${path}`, { method, headers: { authorization: `Bearer ${secret}`, "user-agent": agent } });
}

before(async () => {
  await rest("PATCH", "/settings", { custom_validity: true });
  for (const [name, role, display] of people) await person(name, role, { display_name: display });
  for (const [user, description, valid_for, more] of tokens) {
    made.set(description, await rest("POST", "/tokens", { user, description, valid_for, ...more }));
  }
  await rest("PATCH", `/tokens/${made.get("Time sheets, old laptop").id}`, { enabled: false });
  // What programs do with them, and what is refused.
  await gateAnswers(200, `Bearer ${made.get("Grafana: build times").token}`);
  for (const [description, agent] of [
    ["Jenkins: deploy to staging", "Jenkins/2.516"], ["Renovate", "renovate/41.2"], ["Grafana: ticket dashboards", "Grafana/12.1"],
    ["Jenkins: release notes", "Jenkins/2.516"], ["On-call bot", "python-requests/2.32"], ["Nightly sync with CRM", "Apache-HttpClient/5.5"],
    ["Nightly backup on build7", "curl/8.14.1"], ["Grafana: build times", "Grafana/12.1"], ["Export to Excel", "okhttp/5.1"],
  ]) {
    const reply = await asks(made.get(description).token, agent);
    assert.equal(reply.status, 200, description);
  }
  for (let round = 0; round < 9; round += 1) {
    assert.equal((await asks(made.get("Time sheets, old laptop").token, "curl/8.14.1")).status, 403);
    assert.equal((await asks(made.get("Terraform, network team").token, "terraform/1.12")).status, 403);
    assert.equal((await asks(made.get("Sprint report").token, "curl/8.14.1", "/rest/api/2/issue", "POST")).status, 403);
    assert.equal((await atGate(`Basic ${btoa("jonas:summer2024")}`)).status, 403);
  }
  // They are reported within seconds; what is never used stays so.
  for (;;) {
    const seen = await rest("GET", "/tokens?last_used=today&limit=200");
    if (seen.items.length >= 9) break;
    await new Promise((resume) => setTimeout(resume, 200));
  }
  execFileSync("python3", [new URL("past.py", import.meta.url).pathname, process.env.GATEPASS_DATA]);
});

/** How README shows a page. */
const frame = { viewport: { width: 1080, height: 700 } };
/** In these it is looked at. */
const looks = [["light", frame], ["dark", { ...frame, colorScheme: "dark" }], ["phone", { viewport: { width: 390, height: 844 }, hasTouch: true, deviceScaleFactor: 2 }]];

test("somebody makes a token, and pastes the command that the page shows", async () => {
  for (const [look, options] of looks) {
    const visitor = await (await Visitor.open(options)).signIn("jonas");
    const { page } = visitor;
    await page.goto("/tokens");
    await page.getByRole("row", { name: "Nightly backup on build7" }).getByText("in 12 days").waitFor();
    await visitor.check(`tour-tokens-${look}`);
    if (look === "light") await visitor.picture("readme-tokens");
    await page.getByRole("link", { name: "New API token" }).first().click();
    await page.getByLabel("Description").fill("Release notes script");
    await page.getByLabel("Expires after").selectOption("6 months");
    await visitor.check(`tour-new-${look}`);
    await page.getByRole("button", { name: "New API token" }).click();
    await page.getByRole("heading", { name: "Copy your new API token" }).waitFor();
    await visitor.check(`tour-created-${look}`);
    if (look === "light") await visitor.picture("readme-created");
    const secret = await page.locator("#secret").textContent();
    await gateAnswers(200, `Bearer ${secret}`);
    await page.getByRole("link", { name: "I have copied it" }).click();
    await page.getByRole("link", { name: "Release notes script" }).first().click();
    await page.getByRole("link", { name: "Delete" }).click();
    await visitor.check(`tour-delete-${look}`);
    await page.getByRole("button", { name: "Delete the token" }).click();
    await page.getByText("The token is deleted.").waitFor();
    await visitor.close();
  }
});

test("a token manager finds what ends soon", async () => {
  for (const [look, options] of looks) {
    const visitor = await (await Visitor.open(options)).signIn("miriam");
    const { page } = visitor;
    await page.goto("/manager");
    await visitor.check(`tour-manager-${look}`);
    await page.goto("/manager?state=active&sort=expires");
    await page.getByRole("row", { name: "Nightly sync with CRM" }).getByText("in 5 days").waitFor();
    for (const name of ["Select On-call bot of priya", "Select Nightly sync with CRM of leila"]) await page.getByLabel(name).check();
    await page.getByText("2 tokens selected").waitFor();
    await visitor.check(`tour-manager-soon-${look}`);
    if (look === "light") {
      await page.locator("#results").evaluate((results) => scrollTo(0, results.offsetTop - 330));
      await visitor.picture("readme-manager");
    }
    await visitor.close();
  }
});

test("an admin sees what is refused, and what a change would do", async () => {
  for (const [look, options] of looks) {
    const visitor = await (await Visitor.open(options)).signIn("ada");
    const { page } = visitor;
    await page.goto("/overview");
    await page.getByText("refuse.credentials_unknown").waitFor();
    await visitor.check(`tour-overview-${look}`);
    if (look === "light") {
      await page.setViewportSize({ width: 1080, height: 780 });
      await visitor.picture("readme-overview");
      await page.setViewportSize(frame.viewport);
    }
    await page.goto("/overview?requests=last_30_days");
    await visitor.check(`tour-overview-month-${look}`);
    await page.goto("/admin/settings");
    await page.getByLabel("Longest validity").selectOption("6 months");
    await page.getByLabel("Apply it to tokens that there are").check();
    await page.getByRole("button", { name: "Add a row" }).click();
    await page.getByLabel("Address or range 1").fill("10.20.0.0/16");
    await page.locator("#consequences").getByText(/would be refused at the gate/).waitFor();
    await page.locator("#consequences").getByText(/Shortens the life of/).waitFor();
    await page.evaluate(() => scrollTo(0, 0));
    await visitor.check(`tour-settings-${look}`);
    if (look === "light") await visitor.picture("readme-settings");
    for (const [path, name] of [["/admin/users", "users"], ["/admin/users/jonas", "user"], ["/admin/audit", "audit"], ["/admin/fleet", "fleet"]]) {
      await page.goto(path);
      await visitor.check(`tour-${name}-${look}`);
    }
    await visitor.close();
  }
});

test("and everybody can ask why", async () => {
  for (const [look, options] of looks) {
    const visitor = await (await Visitor.open(options)).signIn("tomas", password);
    const { page } = visitor;
    await page.goto("/explain");
    await page.getByLabel("Path").fill("/rest/api/2/search");
    await page.getByRole("button", { name: "Explain" }).click();
    await page.getByText(/may be used from 10\.20\.0\.0\/16 only/).waitFor();
    await visitor.check(`tour-explain-${look}`);
    await visitor.close();
  }
});
