-- Aegis for Apache, from 2.4.47 on, with mod_lua and LuaSocket (Debian: lua-socket). See aegis.conf
-- beside it.

local http, ltn12 = require "socket.http", require "ltn12"
require "apache2"

-- Where Aegis listens. If it is another machine, name Apache in `trusted_proxies` of Aegis.
local AEGIS = "127.0.0.1:8009"

-- No answer in time is no permission.
http.TIMEOUT = 10

-- Who it is, as Aegis says.
local IDENTITY = {
  "remote-user", "remote-email", "remote-name", "remote-groups", "remote-auth-method",
  "x-aegis-assertion",
}

-- What of the visitor's request Aegis is told. What was asked for, and from where, Apache says itself.
local TOLD = {
  "cookie", "authorization", "x-aegis-key", "accept", "x-requested-with", "upgrade", "origin",
  "sec-fetch-mode", "sec-fetch-site", "sec-fetch-dest", "access-control-request-method",
  "tailscale-funnel-request", "user-agent",
}

-- What of a refusal is not the visitor's: it is about the connection to Aegis, or Apache says it itself.
local NOT_PASSED = {
  ["connection"] = true, ["keep-alive"] = true, ["transfer-encoding"] = true, ["content-length"] = true,
  ["content-type"] = true, ["date"] = true,
}

-- Some apps read Remote_User and Remote.User as Remote-User.
local function plain(name)
  return (name:lower():gsub("[_.]", "-"))
end

local CLAIMS = { "^remote%-", "^x%-aegis%-", "^tailscale%-", "^x%-forwarded%-", "^x%-original%-", "^x%-rewrite%-" }
local NAMES = {
  ["forwarded"] = true,
  -- Some apps read the visitor's address from these. Behind Cloudflare, which sets the last, leave it out.
  ["x-real-ip"] = true, ["x-client-ip"] = true, ["true-client-ip"] = true, ["cf-connecting-ip"] = true,
}
for _, name in ipairs(IDENTITY) do NAMES[name] = true end

-- Whether an app may believe this header, about who asks or what was asked for.
local function is_claim(name)
  name = plain(name)
  if NAMES[name] then return true end
  for _, pattern in ipairs(CLAIMS) do
    if name:find(pattern) then return true end
  end
  return false
end

-- What of the visitor's request no app may see, or Apache may act upon.
local function drop_claims(r, said)
  for name in pairs(r:headers_in_table()) do
    if is_claim(name) then r.headers_in[name] = nil end
  end
  for _, name in ipairs { "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host" } do
    r.headers_in[name] = said[name]
  end
  -- `Connection: Remote-User` would have Apache drop that header on the way to the app.
  local connection = (r.headers_in["Connection"] or ""):lower()
  r.headers_in["Connection"] = connection:find("upgrade", 1, true) and "Upgrade"
    or connection:find("close", 1, true) and "close" or nil
end

-- What was asked for, and from where.
local function asked(r)
  return {
    ["x-forwarded-method"] = r.method,
    ["x-forwarded-proto"] = r.is_https and "https" or "http",
    ["x-forwarded-host"] = r.headers_in["Host"] or "",
    ["x-forwarded-uri"] = r.unparsed_uri,
    ["x-forwarded-for"] = r.useragent_ip,
  }
end

-- Everything behind this is for those Aegis lets in.
function check(r)
  local said = asked(r)
  local question = {}
  for _, name in ipairs(TOLD) do question[name] = r.headers_in[name] end
  for name, value in pairs(said) do question[name] = value end
  local body = {}
  local ok, status, headers = http.request {
    url = "http://" .. AEGIS .. "/auth/forward-auth", headers = question, redirect = false,
    sink = ltn12.sink.table(body),
  }
  if not ok then return 503 end
  if status ~= 200 then
    r.status = status
    for name, value in pairs(headers) do
      if not NOT_PASSED[name] then r.err_headers_out[name] = value end
    end
    r.content_type = headers["content-type"] or "text/plain"
    r:puts(table.concat(body))
    return apache2.DONE
  end
  drop_claims(r, said)
  for _, name in ipairs(IDENTITY) do
    if (headers[name] or "") ~= "" then r.headers_in[name] = headers[name] end
  end
  -- The visitor's own cookies and Authorization, as Aegis gives them back without its own: no app sees
  -- a credential of Aegis.
  for _, name in ipairs { "cookie", "authorization" } do
    local value = headers[name] or ""
    if value ~= "" then r.headers_in[name] = value else r.headers_in[name] = nil end
  end
  return apache2.OK
end

-- Aegis's own site.
function portal(r)
  drop_claims(r, asked(r))
  return apache2.OK
end
