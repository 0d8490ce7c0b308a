-- +goose Up

-- The layer of blind indexes, see seal.Keys.Indexes. The version before this one writes and reads layer 0 alone: rotate blind
-- indexes when every node is of this version.
ALTER TABLE roster ADD COLUMN layer integer NOT NULL DEFAULT 0 CHECK (layer >= 0);
ALTER TABLE temporary_identity ADD COLUMN layer integer NOT NULL DEFAULT 0 CHECK (layer >= 0);
