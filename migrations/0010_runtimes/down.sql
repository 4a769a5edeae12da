DROP TABLE runtime_sessions;
DROP TABLE runtimes;
