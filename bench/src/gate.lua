-- What a careful author writes to check bearer tokens in Envoy's Lua filter: the tokens in clear in a table, a client's
-- own identity headers removed, the identity set, the credentials not forwarded, the decision left for the access log.
local users, ids = {}, {}
for line in io.lines("@TOKENS@") do
  local token, user, id = line:match("^(%S+) (%S+) (%S+)$")
  users[token] = user
  ids[token] = id
end

function envoy_on_request(handle)
  local headers = handle:headers()
  headers:remove("x-gatepass-user")
  headers:remove("x-gatepass-token-id")
  local authorization = headers:get("authorization")
  local token
  if authorization and authorization:sub(1, 7) == "Bearer " then
    token = authorization:sub(8)
  end
  local user = token and users[token]
  local metadata = handle:streamInfo():dynamicMetadata()
  if not user then
    metadata:set("gatepass", "decision", "refuse.credentials_unknown")
    handle:respond({[":status"] = "403"}, "Forbidden\n")
    return
  end
  headers:remove("authorization")
  headers:replace("x-gatepass-user", user)
  headers:replace("x-gatepass-token-id", ids[token])
  metadata:set("gatepass", "decision", "allow.token")
end
