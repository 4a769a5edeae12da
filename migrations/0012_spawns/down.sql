DROP TABLE spawns;
