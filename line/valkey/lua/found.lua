-- Makes the facts of a line whose buckets are filled. It is the last step of a filling: until then nobody finds the line.
-- KEYS line, lease, pass, inside, claims, waves
-- ARGV epoch, seed, draw (0 or 1), buckets, joined, admitted, gathered (-1: not fixed), generation, first serial, gaps, life (ms), holes
local line = KEYS[1]
for _, k in ipairs(KEYS) do redis.call('UNLINK', k) end
redis.call('HSET', line, 'epoch', ARGV[1], 'seed', ARGV[2], 'draw', ARGV[3], 'buckets', ARGV[4], 'joined', ARGV[5], 'admitted', ARGV[6],
  'gen', ARGV[8], 'rotated', 0, 'serial', ARGV[9], 'terms', 0, 'gaps', ARGV[10], 'holes', ARGV[12], 'ready', 1)
if ARGV[7] ~= '-1' then redis.call('HSET', line, 'gathered', ARGV[7]) end
redis.call('PEXPIRE', line, ARGV[11])
return redis.status_reply('OK')
