-- oldest program: 0.1.0
-- Who looks for a display name (`find`, `vip explain`, a KRI) has neither origin nor namespace. PostgreSQL 18 skips over columns of an
-- index that nothing is said of; servers before it went through the whole table: of 67,760 services 1,935 pages. The same
-- columns in another order serve both that and who has all of them.
create unique index resources_by_display_name on resources (type, mesh, display_name, origin, namespace) where not deleted;
drop index resources_display_name;
alter index resources_by_display_name rename to resources_display_name;
