// A real OpenID Connect provider on loopback, with two people whose password is their name. It prints its issuer once it
// listens, and ends with its standard input.
import http from 'node:http';
import { pathToFileURL } from 'node:url';

const [, , home, callback] = process.argv;
const { default: Provider } = await import(pathToFileURL(`${home}/lib/index.js`));

const people = {
  fred: { preferred_username: 'fred', name: 'Fred F.', email: 'fred@example.com', groups: ['ops'] },
  wilma: { preferred_username: 'wilma', name: 'Wilma', email: 'wilma@example.com', groups: [] },
};

const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
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
  console.log(issuer);
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
