-- Makes a draw count whose chunks are all written; only for the holder of the lease, and only once.
-- KEYS line · ARGV epoch, token, now (ms), entrants, SHA-256 of the list of entrants, missing
local line = KEYS[1]
local h = redis.call('HMGET', line, 'epoch', 'token', 'drawn')
if h[1] ~= ARGV[1] then return redis.error_reply('LOST another epoch') end
if h[2] ~= ARGV[2] then return redis.error_reply('FENCED another node has the lease') end
if not h[3] then
  redis.call('HSET', line, 'drawn', ARGV[2], 'drawnAt', ARGV[3], 'entrants', ARGV[4], 'sha', ARGV[5], 'missing', ARGV[6])
end
return redis.status_reply('OK')
