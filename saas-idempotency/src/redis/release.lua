-- Removes a running record of this token. Answers 1, 0 (it is not its) or -1 (unreadable).
local key = KEYS[1]
local version, token = unpack(ARGV)
local old = redis.call('hmget', key, 'v', 'token', 'status')
if old[1] ~= version then
  return -redis.call('exists', key)
end
if old[2] ~= token or old[3] then
  return 0
end
return redis.call('del', key)
