// What people, programs and other servers write is text on every page that shows it: no markup, no script, nothing that the
// browser's policy had to stop.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { Visitor, control, gateAnswers, hostile, password, rest, ways } from "./support.mjs";

const gate = process.env.GATEPASS_GATE;
// A name holds no colon, and nothing that is not seen.
const names = hostile.map((text) => text.replace(/[:\u202e]/g, ";"));
const ids = [];

before(async () => {
  await rest("POST", "/users", { name: "ada", role: "admin", display_name: hostile[1] });
  await rest("PUT", "/users/ada/password", { password });
  for (const [place, name] of names.entries()) {
    const text = hostile[place];
    await rest("POST", "/users", { name, role: "user", display_name: text, email: text, groups: [text.replaceAll(";", ",")] });
    const token = await rest("POST", "/tokens", { user: name, description: text });
    ids.push(token.id);
    await gateAnswers(200, `Bearer ${token.token}`);
    const agent = text.replace(/[^\x20-\x7e]/g, "?");
    await fetch(`${gate}/rest/api/2/myself`, { headers: { authorization: `Bearer ${token.token}`, "user-agent": agent } });
    // Refused, and so in the audit log; nobody of that name can be told from somebody who mistyped.
    const headers = { "content-type": "application/json" };
    await fetch(`${control}/api/v1/session`, { method: "POST", headers, body: JSON.stringify({ user: name, password: "wrong password" }) });
  }
  await rest("POST", "/sources", { name: "ci", description: hostile[0], user_prefix: names[1] });
  await rest("PATCH", "/sources/ci", { description: hostile[3] });
  await rest("POST", "/sources/ci/push-tokens", { description: hostile[1] });
  const url = "https://hooks.example.com/<img/src=x/onerror=alert(8)>?a='\"><svg/onload=alert(9)>";
  await rest("POST", "/webhooks", { url, description: hostile[2] });
  await rest("DELETE", `/tokens/${ids[0]}`);
  await rest("PATCH", `/tokens/${ids[1]}`, { enabled: false });
});

/** Nothing that only hostile text could have put there. */
async function isText(visitor, path) {
  const { page } = visitor;
  const reply = await page.goto(path);
  assert.ok(reply.status() < 500, `${path}: ${reply.status()}`);
  for (const more of await page.locator("details").all()) await more.evaluate((details) => { details.open = true; });
  // A field for a day does not take one that is none, and the browser says so.
  visitor.complaints = visitor.complaints.filter((text) => !text.includes("does not conform to the required format"));
  await visitor.check();
  const foreign = "main img, main svg:not(.plot), main script, main style, [onfocus], [onerror], [onload], main [hx-get='/sign-out'], main b, main i, iframe, main form[action^='http']";
  assert.equal(await page.locator(foreign).count(), 0, path);
  const links = await page.locator("main a").evaluateAll((all) => all.map((link) => link.href));
  for (const link of links) assert.ok(link.startsWith(control), `${path} leads to ${link}`);
}

for (const way of ways.filter((way) => ["light", "no-script"].includes(way.name))) {
  test(`nothing of it is markup on any page, ${way.name}`, async () => {
    const visitor = await (await Visitor.open(way.options)).signIn("ada");
    const { page } = visitor;
    const pages = ["/tokens", "/manager", "/manager?state=revoked", "/overview", "/overview?requests=last_hour", "/admin/settings", "/admin/users", "/admin/audit", "/admin/fleet", "/explain"];
    for (const [place, name] of names.entries()) {
      const encoded = encodeURIComponent(name);
      pages.push(`/admin/users/${encoded}`, `/manager?user=${encoded}`, `/manager?description=${encodeURIComponent(hostile[place])}`);
      pages.push(`/manager/new?user=${encoded}`, `/manager/delete-all?user=${encoded}`, `/admin/users?search=${encoded}`);
      pages.push(`/tokens/${ids[place]}?back=${encoded}`, `/tokens/${ids[place]}/delete`, `/tokens/${ids[place]}/rotate`);
      pages.push(`/admin/audit?target=${encodeURIComponent(`user:${name}`)}`, `/admin/audit?actor=${encoded}`, `/admin/audit?from=${encoded}`);
      // What is in an address is shown nowhere as markup, whatever it is called there.
      pages.push(`/${encoded}`, `/tokens/${encoded}`, `/tokens?done=${encoded}`, `/manager?user=${encoded}x&cursor=${encoded}`);
    }
    for (const action of ["source.created", "source.updated", "webhook.created", "sign_in.failed", "settings.updated", "token.created", "user.created"]) {
      pages.push(`/admin/audit?action=${action}`);
    }
    for (const path of pages) await isText(visitor, path);
    await visitor.close();
    const nobody = await Visitor.open(way.options);
    for (const name of names) await isText(nobody, `/sign-in?next=${encodeURIComponent(name)}&done=${encodeURIComponent(name)}`);
    await nobody.close();
  });
}

test("it is all there, as it was written", async () => {
  const visitor = await (await Visitor.open()).signIn("ada");
  const { page } = visitor;
  await page.goto("/manager?state=active&state=disabled&state=revoked&sort=created");
  const shown = await page.locator("#results tbody th a").allTextContents();
  for (const text of hostile) assert.ok(shown.includes(text), text);
  await page.goto("/admin/audit?action=webhook.created");
  const details = await page.locator("#results pre").allTextContents();
  assert.ok(details.join().includes(JSON.stringify(hostile[2]).slice(1, -1)), details.join());
  for (const [place, id] of ids.entries()) {
    await page.goto(`/tokens/${id}`);
    assert.equal(await page.locator("h1").textContent(), hostile[place]);
  }
  await page.goto(`/admin/users/${encodeURIComponent(names[3])}`);
  assert.equal(await page.getByLabel("Full name").inputValue(), hostile[3]);
  await visitor.close();
});

test("what is typed into a form comes back as text", async () => {
  for (const way of ways.filter((way) => ["light", "no-script"].includes(way.name))) {
    const visitor = await (await Visitor.open(way.options)).signIn("ada");
    const { page } = visitor;
    for (const text of [hostile[1], hostile[3]]) {
      for (const [path, label, button] of [
        ["/tokens/new", "IP addresses that may use it", "New API token"],
        ["/manager/new", "For whom?", "New API token"],
        ["/admin/new-user", "Mail address", "Create the user"],
        ["/admin/settings", "Further headers with tokens", "Save the settings"],
        ["/explain", "Path", "Explain"],
      ]) {
        await page.goto(path);
        if (path === "/tokens/new") await page.getByText("Restrict it further").click();
        if (path === "/admin/new-user") await page.getByLabel("User name").fill("a:b");
        await page.getByLabel(label, { exact: true }).fill(text);
        await Promise.all([page.waitForNavigation(), page.getByRole("button", { name: button, exact: true }).last().click()]);
        assert.equal(await page.getByLabel(label, { exact: true }).inputValue(), text, path);
        await visitor.check();
      }
    }
    await visitor.close();
  }
});
