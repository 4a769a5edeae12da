DROP TABLE job_needs;
DROP TABLE jobs;
