-- +goose Up

-- Until when an invitation keeps the dose of a hold, whatever becomes of its slot. A hold without doses is nothing but an
-- invitation. Nodes of the version before write no value, give such a hold back when it is over as those of this one do, and do not
-- keep the stock for those who are invited: a campaign stands by surely only once all nodes are of this version.
ALTER TABLE holds ADD COLUMN invited timestamptz;
