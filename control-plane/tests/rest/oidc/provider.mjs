// A real OpenID Connect provider on loopback, with people whose password is their name. It prints its issuer once it
// listens, and ends with its standard input. Where people go back to is its second argument, or else the first line of its
// standard input, for a client that has to know the issuer first.
import { once } from 'node:events';
import http from 'node:http';
import readline from 'node:readline';
import { pathToFileURL } from 'node:url';

const [, , home, told] = process.argv;
const lines = readline.createInterface({ input: process.stdin });
const { default: Provider } = await import(pathToFileURL(`${home}/lib/index.js`));

const people = {
  fred: { preferred_username: 'fred', name: 'Fred F.', email: 'fred@example.com', groups: ['ops'] },
  wilma: { preferred_username: 'wilma', name: 'Wilma', email: 'wilma@example.com', groups: [] },
  mallory: {
    preferred_username: 'mallory <b>', name: '<script>alert(6)</script>', email: '"><img src=x onerror=alert(7)>', groups: ['<i>x'],
  },
};

const server = http.createServer();
server.listen(0, '127.0.0.1', async () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  console.log(issuer);
  const callback = told ?? (await once(lines, 'line'))[0];
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'gate',
      client_secret: 'client secret of the tests',
      redirect_uris: [callback],
      response_types: ['code'],
      grant_types: ['authorization_code'],
      application_type: 'web',
    }],
    claims: {
      openid: ['sub'],
      profile: ['name', 'preferred_username', 'groups'],
      email: ['email'],
    },
    pkce: { required: () => true },
    cookies: { keys: ['of the tests'] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
  });
  server.on('request', provider.callback());
});
lines.on('close', () => process.exit(0));
