// Signing in and out, what is told who is not let in, and that nobody else signs anybody in or out.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { Visitor, control, inEachWay, password, person } from "./support.mjs";

before(async () => {
  await person("fred");
  await person("slow");
});

test("somebody signs in, is where they wanted to go, and signs out", inEachWay(null, async (visitor, way) => {
  const { page } = visitor;
  await page.goto("/tokens?all=1");
  assert.match(page.url(), /\/sign-in\?next=%2Ftokens%3Fall%3D1$/);
  await visitor.check(`sign-in-${way}`);
  await page.getByLabel("User name").fill("fred");
  await page.getByLabel("Password").fill(password);
  await page.getByLabel("Password").press("Enter");
  await page.getByRole("heading", { name: "My API tokens" }).waitFor();
  assert.equal(page.url(), `${control}/tokens?all=1`);
  const cookies = await visitor.context.cookies();
  const session = cookies.find((cookie) => cookie.name === "gatepass-local");
  assert.deepEqual([session.httpOnly, session.sameSite], [true, "Strict"]);
  const menu = page.locator("details.menu");
  await menu.locator("summary").click();
  await menu.getByText("User", { exact: true }).waitFor();
  await visitor.check(`menu-${way}`);
  await menu.getByRole("button", { name: "Sign out" }).click();
  await page.getByText("You are signed out.").waitFor();
  await page.goto("/tokens");
  assert.match(page.url(), /\/sign-in/);
  // What the cookie held is worth nothing any more.
  await visitor.context.addCookies([session]);
  await page.goto("/tokens");
  await page.getByText("Your session has ended.").waitFor();
}));

test("a wrong password says so beside the form, keeps the name, and never the password", inEachWay(null, async (visitor, way) => {
  const { page } = visitor;
  await page.goto("/sign-in");
  await page.getByLabel("User name").fill("nobody <b>x");
  await page.getByLabel("Password").fill("wrong password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").getByText("User name or password is wrong").waitFor();
  assert.equal(await page.getByLabel("User name").inputValue(), "nobody <b>x");
  assert.equal(await page.getByLabel("Password").inputValue(), "");
  await visitor.check(`sign-in-refused-${way}`);
}));

test("who guesses is made to wait, and told for how long", async () => {
  const visitor = await Visitor.open();
  const { page } = visitor;
  await page.goto("/sign-in");
  for (;;) {
    await page.getByLabel("User name").fill("slow");
    await page.getByLabel("Password").fill("a wrong guess");
    const [reply] = await Promise.all([
      page.waitForResponse((response) => response.request().method() === "POST"),
      page.getByRole("button", { name: "Sign in" }).click(),
    ]);
    await page.getByRole("alert").waitFor();
    if (reply.status() === 429) break;
    assert.equal(reply.status(), 401);
  }
  assert.match(await page.getByRole("alert").textContent(), /try again in \d+ seconds/);
  await visitor.close();
});

test("no page of another site signs anybody in or out", async () => {
  const visitor = await (await Visitor.open()).signIn("fred");
  const { page } = visitor;
  const form = (path, fields) => `<form method="post" action="${control}${path}">${
    fields.map(([name, value]) => `<input name="${name}" value="${value}">`).join("")}<button>Go</button></form>`;
  const csrf = await page.locator("form[action='/sign-out'] input[name=csrf]").inputValue({ timeout: 60_000 });
  for (const [path, fields] of [
    ["/sign-in", [["user", "fred"], ["password", password], ["csrf", ""]]],
    ["/sign-out", [["csrf", csrf]]],
  ]) {
    // A page of no origin, and one of another port of this machine: to cookies they are the same site.
    const other = await visitor.context.newPage();
    await other.route("http://127.0.0.1:1/**", (route) => route.fulfill({ contentType: "text/html", body: form(path, fields) }));
    await other.goto("http://127.0.0.1:1/");
    const [reply] = await Promise.all([
      other.waitForResponse((response) => response.url() === control + path),
      other.getByRole("button").click(),
    ]);
    assert.equal(reply.status(), 403, path);
    await other.getByText("origin_refused").waitFor();
    await other.close();
  }
  await page.goto("/tokens");
  await page.getByRole("heading", { name: "My API tokens" }).waitFor();
  await visitor.close();
});

test("a link from elsewhere leads to the page, not to a form for somebody who is signed in", async () => {
  const visitor = await (await Visitor.open()).signIn("fred");
  const other = await visitor.context.newPage();
  // Another site, so that the session's cookie is not sent at first.
  await other.route("http://elsewhere.example/**", (route) => {
    route.fulfill({ contentType: "text/html", body: `<a href="${control}/tokens">Tokens</a>` });
  });
  await other.goto("http://elsewhere.example/");
  await other.getByRole("link").click();
  await other.getByRole("heading", { name: "My API tokens" }).waitFor();
  await visitor.close();
});

test("what is not there, or not under this name, is told as a page", inEachWay("fred", async (visitor, way) => {
  const reply = await visitor.page.goto("/nothing/here");
  assert.equal(reply.status(), 404);
  await visitor.page.getByText("no_such_route").waitFor();
  await visitor.check(`not-found-${way}`);
}));
