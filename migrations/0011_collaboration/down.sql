DROP TABLE file_collisions;
DROP TABLE file_changes;
DROP TABLE file_leases;
DROP TABLE idle_watches;
