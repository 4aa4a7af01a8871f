-- Moves the lease of a running record of this token, and with it when Redis forgets the record.
-- Answers 1, 0 (it is not its) or -1 (unreadable).
local key = KEYS[1]
local version, token, lease_until = unpack(ARGV)
local old = redis.call('hmget', key, 'v', 'token', 'status', 'lease_until', 'expires_at')
if old[1] ~= version then
  return -redis.call('exists', key)
end
if old[2] ~= token or old[3] then
  return 0
end
redis.call('hset', key, 'lease_until', lease_until)
-- By how much the end moves, since nobody says here what time it is.
local expires_at, left = tonumber(old[5]), redis.call('pttl', key)
local before = math.max(expires_at, tonumber(old[4]))
local later = math.ceil((math.max(expires_at, tonumber(lease_until)) - before) / 1000)
if later > 0 and left > 0 then
  redis.call('pexpire', key, string.format('%.0f', math.min(left + later, 1e14)))
end
return 1
