-- Says where a line stands; takes or renews the lease for whom asks for it, and does the holder's housekeeping.
-- KEYS line, lease, inside, pending of gen, pending of gen-1, open of gen-1
-- ARGV epoch, node, lease (ms; 0: only look), now (s), opening is past (0 or 1), gen, rotate after (ms), rotate beyond (people),
--      how far a clock may be off (s; 0: any)
local line, lease = KEYS[1], KEYS[2]
local epoch = redis.call('HGET', line, 'epoch')
if epoch ~= ARGV[1] then return redis.error_reply('LOST another epoch') end
local t = redis.call('TIME')
local ms = t[1] * 1000 + math.floor(t[2] / 1000)
local mine = ''
-- A node whose clock is wrong leads nobody: it takes no lease, and lets go of one it had.
local right = ARGV[9] == '0' or math.abs(tonumber(t[1]) - tonumber(ARGV[4])) <= tonumber(ARGV[9])
if ARGV[3] ~= '0' and right then
  local owner = redis.call('GET', lease)
  if not owner or owner == ARGV[2] then
    redis.call('SET', lease, ARGV[2], 'PX', ARGV[3])
    local was = redis.call('HMGET', line, 'holder', 'token')
    mine = was[2]
    if was[1] ~= ARGV[2] or not mine then
      mine = redis.call('HINCRBY', line, 'terms', 1) .. ':' .. ARGV[2]
      redis.call('HSET', line, 'holder', ARGV[2], 'token', mine)
    end
  end
end
if mine ~= '' then
  local h = redis.call('HMGET', line, 'gen', 'rotated', 'gathered', 'draw', 'joined')
  if ARGV[5] == '1' and h[4] == '1' and not h[3] then redis.call('HSET', line, 'gathered', h[5]) end
  if h[1] == ARGV[6] then
    local n = redis.call('HLEN', KEYS[4])
    if n > 0 and (ms - tonumber(h[2]) >= tonumber(ARGV[7]) or n > tonumber(ARGV[8])) and redis.call('EXISTS', KEYS[6]) == 0 then
      redis.call('UNLINK', KEYS[5])
      redis.call('HINCRBY', line, 'gen', 1)
      redis.call('HSET', line, 'rotated', ms)
    end
  end
end
local h = redis.call('HMGET', line, 'gen', 'joined', 'gathered', 'admitted', 'drawn', 'drawnAt', 'entrants', 'sha', 'shown', 'holes', 'gaps')
return {mine, ms, tonumber(h[1]), tonumber(h[2]), tonumber(h[3] or '-1'), tonumber(h[4]), h[5] or '', tonumber(h[6] or '0'),
  tonumber(h[7] or '0'), h[8] or '', redis.call('ZCOUNT', KEYS[3], '(' .. ARGV[4], '+inf'), h[9] or '', h[10] or '', tonumber(h[11] or '0')}
