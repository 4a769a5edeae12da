DROP TABLE memory_proposals;
DROP TABLE memory_changes;
DROP TABLE memory_contents;
