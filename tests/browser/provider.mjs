// Signing in with a real provider of identities: from the page that one wanted, there and back, as whom the provider says.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { Visitor, control, inEachWay, person, ways } from "./support.mjs";

const provider = process.env.GATEPASS_PROVIDER;

before(async () => { await person("ada", "admin"); });

/** Somebody who may go to the provider, whose own pages load a font from elsewhere: it is not fetched here. */
async function open(options = {}) {
  const visitor = await Visitor.open({ elsewhere: [provider, "https://fonts.googleapis.com/"], ...options });
  await visitor.context.route("https://fonts.googleapis.com/**", (route) => route.fulfill({ contentType: "text/css", body: "" }));
  return visitor;
}

/** What the provider asks: who it is, and whether this server may know. */
async function passes(page, name) {
  await page.getByRole("link", { name: "Sign in with your organisation" }).click();
  await page.locator("input[name=login]").fill(name);
  await page.locator("input[name=password]").fill(name);
  await page.locator("button[type=submit]").click();
  await page.locator("form[action*='/interaction/'] input[name=prompt][value=consent]").waitFor({ state: "attached" });
  await page.locator("button[type=submit]").click();
}

for (const way of ways) {
  test(`one comes back to the page that one wanted, ${way.name}`, async () => {
    const visitor = await open(way.options);
    const { page } = visitor;
    await page.goto("/manager?description=a%26b%3Dc&sort=-created");
    await page.getByRole("link", { name: "Sign in with your organisation" }).waitFor();
    await visitor.check(`sign-in-provider-${way.name}`);
    await passes(page, "fred");
    await page.getByRole("heading", { name: "Token manager" }).waitFor();
    assert.equal(page.url(), `${control}/manager?description=a%26b%3Dc&sort=-created`);
    await page.getByText("Profile of fred").waitFor({ state: "attached" });
    const cookies = await visitor.context.cookies(control);
    const session = cookies.find((cookie) => cookie.name === "gatepass-local");
    assert.deepEqual([session.httpOnly, session.sameSite], [true, "Strict"]);
    assert.equal(cookies.find((cookie) => cookie.name === "gatepass-local-oidc"), undefined, "nothing is left of the way");
    await visitor.check();
    await visitor.close();
  });
}

test("no link leads to another server by way of the provider", async () => {
  const visitor = await open();
  const { page } = visitor;
  for (const next of ["https://evil.example/", "//evil.example/", "/\\evil.example/", "/%09/evil.example/"]) {
    await page.goto(`/sign-in?next=${encodeURIComponent(next)}`);
    const link = await page.getByRole("link", { name: "Sign in with your organisation" }).getAttribute("href");
    assert.match(link, next.startsWith("/%") ? /next=%2F%2509%2Fevil/ : /next=%2F$/, next);
    const reply = await page.goto(`/api/v1/oidc/start?next=${encodeURIComponent(next)}`, { waitUntil: "commit" });
    // A path of ours is one, however it looks; all else is refused before anybody goes anywhere.
    assert.equal(reply.status(), next.startsWith("/%") ? 200 : 400, next);
  }
  await page.goto("/sign-in?next=//evil.example/tokens");
  await passes(page, "wilma");
  await page.getByRole("heading", { name: "My API tokens" }).waitFor();
  assert.equal(page.url(), `${control}/tokens`);
  await visitor.close();
});

test("what the provider says of somebody is text", async () => {
  const visitor = await open();
  const { page } = visitor;
  await page.goto("/tokens");
  await passes(page, "mallory");
  await page.getByRole("heading", { name: "My API tokens" }).waitFor();
  await visitor.check();
  await visitor.close();
  const admin = await (await Visitor.open()).signIn("ada");
  for (const path of ["/admin/users", `/admin/users/${encodeURIComponent("mallory <b>")}`, "/admin/audit?action=user.created", "/admin/audit?action=sign_in.succeeded"]) {
    await admin.page.goto(path);
    await admin.check();
    assert.equal(await admin.page.locator("main img, main script, main b").count(), 0, path);
  }
  await admin.page.goto(`/admin/users/${encodeURIComponent("mallory <b>")}`);
  assert.equal(await admin.page.getByLabel("Full name").inputValue(), "<script>alert(6)</script>");
  await admin.close();
});

test("who is refused by the provider, or comes from nowhere, is told so as a page", inEachWay(null, async (visitor, way) => {
  const { page } = visitor;
  const reply = await page.goto("/api/v1/oidc/callback?code=x&state=y");
  assert.equal(reply.status(), 403);
  await page.getByText("oidc_state_unknown").waitFor();
  await visitor.check(`sign-in-lost-${way}`);
}));
