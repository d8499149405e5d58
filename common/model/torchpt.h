/* torchpt: tensors of a file that torch.save wrote (model.pt): a zip with a small pickle.
 *
 *	struct torchpt f;
 *	if (torchpt_read(&f, bytes, len, "model.pt") < 0) …
 *	f.t[i].name, .type, .shape; data at bytes + f.t[i].offset
 *	torchpt_release(&f);
 *
 * Nothing is executed.  The pickle is read by a machine that knows the operations a dictionary of
 * tensors needs and the names torch._utils._rebuild_tensor_v2, torch._utils._rebuild_parameter,
 * torch.*Storage and collections.OrderedDict; whatever else it asks for is an error that names it.
 * Tensors must be contiguous and lie inside their storage; storages must be stored uncompressed,
 * little-endian, and have the checksum that the zip says.  Values that are no tensors are an error.
 * Errors name FILE@OFFSET.  Zip64 is read.  Memory: some 64 bytes for each operation of the pickle.
 */
#ifndef OLMO_MODEL_TORCHPT_H
#define OLMO_MODEL_TORCHPT_H

#include <stddef.h>
#include <stdint.h>

#include "model/safetensors.h"

struct torchpt_tensor {
	char *name;
	enum safetensors_type type;
	int dims;
	size_t shape[SAFETENSORS_DIMS];
	size_t n; /* elements */
	uint64_t offset;
};

struct torchpt {
	struct torchpt_tensor *t; /* in the order of the file */
	size_t n;
};

/* Does it begin as a zip does? */
int torchpt_is(const unsigned char *p, size_t len);
int torchpt_read(struct torchpt *f, const unsigned char *p, size_t len, const char *path);
void torchpt_release(struct torchpt *f);

#endif
