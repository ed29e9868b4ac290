-- What an attempt cost the machine, as far as that was measured.

ALTER TABLE attempt ADD COLUMN cpu_us INTEGER CHECK (cpu_us >= 0);
ALTER TABLE attempt ADD COLUMN peak_bytes INTEGER CHECK (peak_bytes >= 0);
