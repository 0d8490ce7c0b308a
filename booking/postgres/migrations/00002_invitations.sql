-- +goose Up

-- Until when an invitation keeps the dose of a hold, whatever becomes of its slot. A hold without doses is nothing but an
-- invitation. Nodes of the version before write no value, and take such a hold for one whose seats are to be given back: there are
-- none.
ALTER TABLE holds ADD COLUMN invited timestamptz;
