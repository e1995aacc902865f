"""Stage 5: from run records to statistics, tables, figures and a site. Makes nothing that a stage makes."""
