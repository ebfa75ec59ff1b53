-- Aegis for HAProxy, from 2.6 on. See haproxy.cfg beside it for the whole.
--
--   lua-load-per-thread /etc/haproxy/aegis.lua
--   http-request lua.aegis 127.0.0.1:8009
--   http-request deny deny_status 503 unless { var(txn.aegis) -m bool }
--
-- That is where Aegis listens. From 3.0 on it may be its unix socket, `unix@/run/aegis/aegis.sock`. If it
-- is another machine, name HAProxy in `trusted_proxies` of Aegis.

-- Who it is, as Aegis says.
local IDENTITY = {
  "remote-user", "remote-email", "remote-name", "remote-groups", "remote-auth-method",
  "x-aegis-assertion",
}

-- What of the visitor's request Aegis is told. What was asked for, and from where, HAProxy says itself.
local TOLD = {
  "cookie", "authorization", "x-aegis-key", "accept", "x-requested-with", "upgrade", "origin",
  "sec-fetch-mode", "sec-fetch-site", "sec-fetch-dest", "access-control-request-method",
  "tailscale-funnel-request", "user-agent",
}

-- What of a refusal is not the visitor's: it is about the connection to Aegis.
local NOT_PASSED = {
  ["connection"] = true, ["keep-alive"] = true, ["transfer-encoding"] = true, ["content-length"] = true,
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

-- The lines of a header of an answer, from 0 on.
local function lines(headers, name)
  local list = {}
  local values = headers and headers[name]
  for i = 0, values and #values or -1 do list[#list + 1] = values[i] end
  return list
end

local function drop_claims(txn)
  for name in pairs(txn.http:req_get_headers()) do
    if is_claim(name) then txn.http:req_del_header(name) end
  end
end

-- What was asked for, and from where.
local function asked(txn)
  return {
    ["x-forwarded-method"] = txn.sf:method(),
    ["x-forwarded-proto"] = txn.f:ssl_fc() == 1 and "https" or "http",
    ["x-forwarded-host"] = txn.sf:req_fhdr("host"),
    ["x-forwarded-uri"] = txn.sf:pathq(),
    ["x-forwarded-for"] = txn.sf:src(),
  }
end

local function say_where(txn, said)
  for _, name in ipairs { "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host" } do
    txn.http:req_set_header(name, said[name])
  end
end

local function refuse(txn, status, headers, body)
  local reply = txn:reply { status = status }
  for name, values in pairs(headers or {}) do
    if not NOT_PASSED[name] then
      for i = 0, #values do reply:add_header(name, values[i]) end
    end
  end
  if txn.sf:method() ~= "HEAD" then reply:set_body(body or "") end
  txn:done(reply)
end

-- Everything behind this is for those Aegis lets in.
core.register_action("aegis", { "http-req" }, function(txn, aegis)
  local said = asked(txn)
  local question = {}
  local own = txn.http:req_get_headers()
  for _, name in ipairs(TOLD) do
    if own[name] then question[name] = lines(own, name) end
  end
  for name, value in pairs(said) do question[name] = { value } end

  local place, socket = aegis, nil
  if aegis:find("^unix@") then place, socket = "127.0.0.1", aegis end
  local answer
  pcall(function()
    -- HAProxy asks up to four times: ten seconds in all.
    answer = core.httpclient():get {
      url = "http://" .. place .. "/auth/forward-auth", dst = socket, headers = question, timeout = 2500,
    }
  end)
  -- No answer is no permission.
  if not answer or not answer.status or answer.status == 0 then return refuse(txn, 503) end
  if answer.status ~= 200 then return refuse(txn, answer.status, answer.headers, answer.body) end

  drop_claims(txn)
  say_where(txn, said)
  for _, name in ipairs(IDENTITY) do
    local value = lines(answer.headers, name)[1] or ""
    if value ~= "" then txn.http:req_set_header(name, value) end
  end
  -- The visitor's own cookies and Authorization, as Aegis gives them back without its own: no app sees
  -- a credential of Aegis.
  for _, name in ipairs { "cookie", "authorization" } do
    local value = lines(answer.headers, name)[1] or ""
    if value ~= "" then txn.http:req_set_header(name, value) else txn.http:req_del_header(name) end
  end
  txn:set_var("txn.aegis", true)
end, 1)

-- The path in its one reading: escapes resolved, no dots, no double slashes.
local function resolved(path)
  path = path:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
  local parts = {}
  for part in path:gmatch("[^/\\]+") do
    if part == ".." then parts[#parts] = nil elseif part ~= "." then parts[#parts + 1] = part end
  end
  return "/" .. table.concat(parts, "/") .. "/"
end

-- Aegis's own site. The check endpoints are for proxies; here they would only serve those who try out
-- credentials.
core.register_action("aegis_portal", { "http-req" }, function(txn)
  local path = resolved(txn.sf:path())
  if path:find("^/auth/forward%-auth/") or path:find("^/auth/nginx/") or path:find("^/auth/envoy/")
    or path:find("^/api/authz/") or path:find("^/api/auth/") then
    return refuse(txn, 404)
  end
  local said = asked(txn)
  drop_claims(txn)
  say_where(txn, said)
  txn:set_var("txn.aegis", true)
end, 0)
