-- Claims a record, or records an outcome where there is one, unless another holds it.
-- Answers {1, attempt}, {0, fingerprint, status, reply} or {-1}: unreadable.
local key = KEYS[1]
local version, fingerprint, token, now, lease_until, expires_at, keep_ms, status, reply = unpack(ARGV)
local old = redis.call('hmget', key,
  'v', 'fingerprint', 'token', 'attempt', 'lease_until', 'expires_at', 'status', 'reply')
local attempt = 1
if old[1] or redis.call('exists', key) == 1 then
  local number, lease_end, expiry = tonumber(old[4]), tonumber(old[5]), tonumber(old[6])
  if old[1] ~= version or not (old[2] and old[3] and number and lease_end and expiry) then
    return {-1}
  end
  now = tonumber(now)
  local runs, expired, lapsed = not old[7], expiry <= now, lease_end <= now
  local absent = expired and (not runs or lapsed)
  local yields = runs and (old[3] == token or lapsed and old[2] == fingerprint)
  if not absent and not yields then
    return {0, old[2], old[7], old[8]}
  end
  if not expired then
    attempt = number + (old[3] == token and 0 or 1)
  end
end
-- First what Redis refuses when memory is short: it does not take back what was written before.
redis.call('hset', key, 'v', version, 'fingerprint', fingerprint, 'token', token,
  'attempt', attempt, 'lease_until', lease_until, 'expires_at', expires_at,
  unpack(status == '' and {} or reply == '' and {'status', status} or {'status', status, 'reply', reply}))
if status == '' then
  redis.call('hdel', key, 'status')
end
if reply == '' then
  redis.call('hdel', key, 'reply')
end
redis.call('pexpire', key, keep_ms)
return {1, attempt}
