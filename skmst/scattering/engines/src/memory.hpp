// Memory of one thread: one block, cut into pieces.
#pragma once

#include <cstdlib>
#include <cstring>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "lanes.hpp"

namespace skmst {

// Aligned to cache lines and zero at first: lanes that pad a row never hold a NaN. Large blocks ask for huge pages, or
// columns of a field, each element on a page of its own, would wait for address translation at every step.
class Arena {
    static constexpr std::size_t HUGE_PAGE = std::size_t(2) << 20;

public:
    explicit Arena(std::size_t bytes) {
        const std::size_t alignment = bytes >= HUGE_PAGE ? HUGE_PAGE : 64;
        bytes = round_up(bytes, 64);
        data_ = static_cast<char*>(::operator new(bytes, std::align_val_t(alignment)));
        bytes_ = bytes, alignment_ = alignment;
#if defined(__linux__)
        if (alignment == HUGE_PAGE) madvise(data_, bytes, MADV_HUGEPAGE);
#endif
        clear();
    }
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;
    ~Arena() { ::operator delete(data_, std::align_val_t(alignment_)); }

    char* data() const { return data_; }
    std::size_t size() const { return bytes_; }
    void clear() { std::memset(data_, 0, bytes_); }

private:
    char* data_;
    std::size_t bytes_, alignment_;
};

// Cuts an arena into pieces; without one, only counts what they need.
class Cutter {
public:
    explicit Cutter(char* data = nullptr) : data_(data) {}

    // n numbers, with room for a register before and behind them.
    template <class T>
    T* take(std::size_t n) {
        const std::size_t start = used_ + 64;
        used_ = round_up(start + n * sizeof(T) + REGISTER_BYTES, 64);
        return data_ ? reinterpret_cast<T*>(data_ + start) : nullptr;
    }
    std::size_t used() const { return used_; }

private:
    char* data_;
    std::size_t used_ = 0;
};

}  // namespace skmst
