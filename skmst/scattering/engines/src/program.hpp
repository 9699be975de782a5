// What is executed: the tree of a plan with its grids, filters and averages, and the memory that one thread needs.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "filters.hpp"
#include "pooling.hpp"
#include "rectifiers.hpp"

namespace skmst {

constexpr std::size_t BLOCK_BYTES = 192 * 1024;  // spectra of the signals that are treated together

template <class T>
struct Pooling {
    std::unique_ptr<SeparablePooling<T>> separable;
    const Filters<T>* low_pass = nullptr;  // else: a filter, and which of the points behind it are the output
    std::vector<int> every;

    int n_out() const { return low_pass ? int(every.size()) : separable->n_out(); }
};

template <class T>
struct Branch {
    const Filters<T>* filters;
    const Pooling<T>* pooling;
    std::vector<int> parents;  // which of the signals of one line of the branch before are filtered
    std::vector<int> rows;     // of the output, [line][filter]
    std::vector<const Branch*> children{};
    int depth = 1;
    int block = 1;

    const Grid<T>& grid() const { return filters->target; }
    int n_filters() const { return filters->count(); }
    bool needs_spectrum() const { return pooling->low_pass || !children.empty(); }
    int row(int line, int filter) const { return rows[std::size_t(line) * n_filters() + filter]; }
};

template <class T>
class Program {
    static constexpr int W = Lanes<T>::W;

public:
    struct Sizes {  // numbers in one plane
        std::size_t product = 0, mixed = 0, space = 0, pooled = 0, columns = 0, scratch = 0;
        std::vector<std::size_t> spectra, filtered;  // for each depth
    };

    Program(bool complex_fields, int rectifier, int harmonic)
        : complex_fields(complex_fields), rectifier{Kind(rectifier), harmonic} {}

    const bool complex_fields;
    const Rectifier<T> rectifier;

    // `line` is for fields of one axis: a coarse grid of several may have one point along all but one of them.
    int add_grid(Shape shape, bool line) {
        shapes_.push_back(shape);
        const int y = line ? folded(shape[2]) : shape[1];
        grids_.push_back(std::make_unique<Grid<T>>(shape[0], y, shape[2] / (line ? y : 1), line));
        return int(grids_.size()) - 1;
    }

    int add_filters(int source, int target) {
        filters_.push_back(std::make_unique<Filters<T>>(*grids_.at(source), *grids_.at(target)));
        ends_.push_back({source, target});
        return int(filters_.size()) - 1;
    }

    void add_filter(int filters, const double* hat, Shape shape) {
        const auto [source, target] = ends_.at(filters);
        filters_.at(filters)->add(hat, shape, shapes_[source], shapes_[target]);
    }

    int add_pooling(int grid, AxisMap<T> z, AxisMap<T> y, AxisMap<T> x) {
        auto made = std::make_unique<Pooling<T>>();
        made->separable = std::make_unique<SeparablePooling<T>>(*grids_.at(grid), std::move(z), std::move(y), std::move(x));
        poolings_.push_back(std::move(made));
        return int(poolings_.size()) - 1;
    }

    int add_low_pass(int filters, std::vector<int> every) {
        auto made = std::make_unique<Pooling<T>>();
        made->low_pass = filters_.at(filters).get();
        made->every = std::move(every);
        poolings_.push_back(std::move(made));
        return int(poolings_.size()) - 1;
    }

    int add_branch(int parent, int filters, int pooling, std::vector<int> parents, std::vector<int> rows) {
        auto made = std::make_unique<Branch<T>>(
            Branch<T>{filters_.at(filters).get(), poolings_.at(pooling).get(), std::move(parents), std::move(rows)});
        const Grid<T>& grid = made->grid();
        const std::size_t bytes = 2 * sizeof(T) * grid.points();
        made->block = int(std::min<std::size_t>(std::max<std::size_t>(1, BLOCK_BYTES / bytes), made->rows.size()));
        if (parent >= 0) {
            made->depth = branches_.at(parent)->depth + 1;
            branches_.at(parent)->children.push_back(made.get());
        } else {
            first_.push_back(made.get());
        }
        branches_.push_back(std::move(made));
        return int(branches_.size()) - 1;
    }

    // The field: its grid, the point that each point of the padded grid repeats, the average of order zero.
    void finish(int grid, Shape shape, std::vector<std::vector<int>> extension, int mean, double gain, int n_paths) {
        field_ = grids_.at(grid).get();
        shape_ = shape;
        padded_ = shapes_.at(grid);
        extension_ = std::move(extension);
        mean_ = poolings_.at(mean).get();
        gain_ = T(gain);
        n_paths_ = n_paths;
        measure();
    }

    std::size_t points() const { return std::size_t(shape_[0]) * shape_[1] * shape_[2]; }
    std::size_t n_coefficients() const { return std::size_t(n_paths_) * mean_->n_out(); }
    bool complex_output() const { return rectifier.keeps_phase(); }

    // -- what the executor reads ------------------------------------------------------------------------------------

    bool half() const { return !rectifier.keeps_phase(); }  // whether spectra of rectified signals are half ones
    const Grid<T>& field() const { return *field_; }
    const Pooling<T>& mean() const { return *mean_; }
    T gain() const { return gain_; }
    Shape padded() const { return padded_; }
    Shape shape() const { return shape_; }
    const std::vector<std::vector<int>>& extension() const { return extension_; }
    const std::vector<const Branch<T>*>& first() const { return first_; }
    const Sizes& sizes() const { return sizes_; }

    // Which blocks of signals of the first order are computed here, dealt out by the work that hangs on them. Blocks
    // are never cut: signals of one block share transforms, so that their rounding would depend on the cut.
    std::vector<char> share(int part, int n_parts) const {
        std::vector<std::pair<double, std::size_t>> work;
        for (const Branch<T>* b : first_)
            for (int f = 0; f < b->n_filters(); f += b->block) {
                double total = 0;
                for (int i = f; i < std::min(f + b->block, b->n_filters()); ++i) total += cost(*b, i);
                work.push_back({-total, work.size()});
            }
        std::sort(work.begin(), work.end());
        std::vector<char> mine(work.size(), 0);
        std::vector<double> load(n_parts, 0);
        for (auto [negative, at] : work) {
            const auto least = std::min_element(load.begin(), load.end());
            mine[at] = least - load.begin() == part;
            *least -= negative;
        }
        return mine;
    }

    double cost(const Branch<T>& b, int filter) const {
        const double n = double(b.grid().points());
        double total = n * std::log2(n + 2);
        for (const Branch<T>* child : b.children)
            if (std::find(child->parents.begin(), child->parents.end(), filter) != child->parents.end())
                for (int f = 0; f < child->n_filters(); ++f) total += cost(*child, f);
        return total;
    }

private:
    // Y of a line of n points: a divisor near the root, the even one of two.
    static int folded(int n) {
        int best = 1;
        for (int y = 1; y <= n; ++y)
            if (n % y == 0 && score(y, n) < score(best, n)) best = y;
        return best;
    }
    static double score(int y, int n) {
        const double balance = std::abs(std::log2(double(y) * y / n));
        return balance + (y % 2 ? 0.6 : 0) + (n / y % W ? 0.3 : 0);
    }

    void measure() {
        sizes_ = Sizes{};
        std::size_t depth = 0;
        for (const auto& b : branches_) depth = std::max<std::size_t>(depth, b->depth);
        sizes_.spectra.assign(depth + 1, 0), sizes_.filtered.assign(depth + 1, 0);
        count_grid(*field_, 1);
        sizes_.space = std::max(sizes_.space, field_->space_size(1));
        sizes_.filtered[0] = field_->space_size(1);
        sizes_.spectra[0] = field_->spectrum_size(1, false);
        count_pooling(*mean_, 1);
        for (const auto& b : branches_) {
            const Grid<T>& grid = b->grid();
            count_grid(grid, b->block);
            count_pooling(*b->pooling, b->block);
            sizes_.filtered[b->depth] = std::max(sizes_.filtered[b->depth], grid.space_size(b->block));
            if (b->needs_spectrum())
                sizes_.spectra[b->depth] = std::max(sizes_.spectra[b->depth], grid.spectrum_size(b->block, false));
        }
    }

    void count_grid(const Grid<T>& grid, int n) {
        sizes_.product = std::max(sizes_.product, grid.spectrum_size(n, false));
        sizes_.mixed = std::max(sizes_.mixed, rectifier.keeps_phase() ? grid.space_size(n) : grid.mixed_size(n, true));
        sizes_.scratch = std::max(sizes_.scratch, grid.scratch());
        sizes_.columns = std::max(sizes_.columns, std::size_t(2) * W * grid.Y);
        if (grid.line) sizes_.space = std::max(sizes_.space, grid.space_size(n));
    }

    void count_pooling(const Pooling<T>& pooling, int n) {
        if (pooling.separable) sizes_.pooled = std::max(sizes_.pooled, pooling.separable->mixed_size(n));
        if (pooling.low_pass) {
            count_grid(pooling.low_pass->target, 1);
            sizes_.pooled = std::max(sizes_.pooled, 2 * pooling.low_pass->target.space_size(1));
        }
    }

    std::vector<Shape> shapes_;
    std::vector<std::pair<int, int>> ends_;  // grids of filters
    std::vector<std::unique_ptr<Grid<T>>> grids_;
    std::vector<std::unique_ptr<Filters<T>>> filters_;
    std::vector<std::unique_ptr<Pooling<T>>> poolings_;
    std::vector<std::unique_ptr<Branch<T>>> branches_;
    std::vector<const Branch<T>*> first_;
    const Grid<T>* field_ = nullptr;
    const Pooling<T>* mean_ = nullptr;
    Shape shape_{}, padded_{};
    std::vector<std::vector<int>> extension_;
    T gain_ = 1;
    int n_paths_ = 0;
    Sizes sizes_;
};

}  // namespace skmst
