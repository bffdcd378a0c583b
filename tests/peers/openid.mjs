// An OpenID provider for tests: the library of the OpenID foundation's certified server, PKCE
// required, and a person who is whoever the test said last. Usage: node openid.mjs PORT ISSUER
import { createServer } from "node:http";
import Provider from "oidc-provider";

const [port, issuer] = process.argv.slice(2);
let person = { sub: "nobody" };
const seen = [];

const configuration = {
  clients: JSON.parse(process.env.PEER_CLIENTS ?? "[]"),
  claims: {
    openid: ["sub"],
    email: ["email", "email_verified"],
    profile: ["name", "given_name", "family_name", "roles"],
  },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  cookies: { keys: ["tests"] },
  interactions: { url: (context, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (context, id) => ({
    accountId: id,
    claims: () => ({ ...person, sub: id }),
  }),
};
const provider = new Provider(issuer, configuration);
const answer = provider.callback();

async function body(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

const server = createServer(async (request, response) => {
  if (request.url === "/_person") {
    person = JSON.parse(await body(request));
    return response.end("ok");
  }
  if (request.url === "/_seen") return response.end(JSON.stringify(seen));
  seen.push(request.url);
  if (request.url.startsWith("/interaction/")) {
    const details = await provider.interactionDetails(request, response);
    const grant = new provider.Grant({
      accountId: person.sub,
      clientId: details.params.client_id,
    });
    grant.addOIDCScope("openid profile email");
    const consent = { grantId: await grant.save() };
    return provider.interactionFinished(
      request,
      response,
      { login: { accountId: person.sub }, consent },
      { mergeWithLastSubmission: false },
    );
  }
  return answer(request, response);
});
server.listen(Number(port), "127.0.0.1", () => console.log("ready"));
