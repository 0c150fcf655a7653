/* SPDX-License-Identifier: Apache-2.0 */
/* The release of Felloe that these headers belong to. */
#ifndef FELLOE_VERSION_H
#define FELLOE_VERSION_H
#define FELLOE_VERSION "0.1.0"
#endif
